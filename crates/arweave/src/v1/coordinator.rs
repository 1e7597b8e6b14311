//! What the Coordinator says: requests to the managers in tags, and answers to users in data.

use serde::Deserialize;

use super::Role;
use super::message::{Malformed, Message, Milliseconds, content, tag};
use super::name::{Id, Purpose};
use super::quantity::{Quantity, Spelled};

const ROLE: Role = Role::Coordinator;

/// A request to one of the managers; the amount is spelled as the Coordinator will compare it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Whose collateral or tokens.
    pub user: String,
    /// How much.
    pub amount: Spelled,
    /// What for.
    pub purpose: Purpose,
}

/// A position, in the Coordinator's books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Position {
    /// Collateral locked.
    pub collateral: Quantity,
    /// Tokens minted.
    pub tim3_minted: Quantity,
}

/// Which process the Coordinator takes for what; unset ones are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Processes {
    /// The collateral token, for mints by lock.
    pub mock_usda_process: Option<String>,
    /// The token whose notices mint.
    pub allowed_usda_process: Option<String>,
    /// The State Manager.
    pub state_manager_process: Option<String>,
    /// The Lock Manager's slot.
    pub lock_manager_process: Option<String>,
    /// The Token Manager's slot.
    pub token_manager_process: Option<String>,
}

/// What `GetConfig` tells of the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemConfig {
    /// Collateral for one token.
    pub collateral_ratio: Quantity,
    /// Smallest mint.
    pub min_mint_amount: Quantity,
    /// Largest mint.
    pub max_mint_amount: Quantity,
    /// Whether users may start anything, as far as this tells: a pause is not in it.
    pub system_active: bool,
}

/// The answer to `Info`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// Its name.
    pub name: String,
    /// Whether users may start anything.
    pub system_active: bool,
    /// D of the books.
    pub total_collateral: Quantity,
    /// C of the books.
    #[serde(rename = "totalTIM3Minted")]
    pub total_tim3_minted: Quantity,
    /// Collateral for one token.
    pub collateral_ratio: Quantity,
}

/// One message of the Coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// To the Lock Manager's slot: lock a user's collateral.
    LockCollateral(Request),
    /// To the Token Manager's slot: mint to the user.
    Mint(Request),
    /// To the Token Manager's slot: burn of the user.
    Burn(Request),
    /// To the Lock Manager's slot: unlock; it names no lock.
    UnlockCollateral(Request),
    /// To the user: a mint or burn is under way.
    Pending(Id),
    /// To the user: the first half is done.
    Progress(Id),
    /// To the user: a mint is in the books.
    Minted {
        /// Which.
        id: Id,
        /// How much.
        amount: Quantity,
    },
    /// To the user: a burn is in the books.
    Burned {
        /// Which.
        id: Id,
        /// How much.
        amount: Quantity,
        /// Collateral released.
        released: Quantity,
    },
    /// To the user: an operation was forgotten. Nothing is undone by that.
    Expired(Id),
    /// The answer to `GetConfig`.
    Config {
        /// Slots.
        processes: Processes,
        /// Settings.
        system: SystemConfig,
    },
    /// The answer to `Info`.
    Info(Info),
    /// The answer to `GetPosition`.
    Position {
        /// Whose.
        user: String,
        /// What.
        position: Position,
    },
    /// A refusal, in words that name no operation.
    Error {
        /// What was refused.
        of: String,
        /// Why.
        why: String,
    },
    /// Logs, answers to settings, and what is not known here.
    Other,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    #[serde(alias = "mintId", alias = "burnId")]
    id: Id,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Booked {
    #[serde(alias = "mintId", alias = "burnId")]
    id: Id,
    #[serde(alias = "tim3Minted", alias = "tim3Burned")]
    amount: Quantity,
    collateral_released: Option<Quantity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configured {
    #[serde(deserialize_with = "processes")]
    processes: Processes,
    system_config: SystemConfig,
    #[serde(default, rename = "timestamp")]
    _timestamp: Milliseconds,
}

/// `[]` when none is set.
fn processes<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Processes, D::Error> {
    let mut map = super::message::map::<D, String>(deserializer)?;
    Ok(Processes {
        mock_usda_process: map.remove("mockUsdaProcess"),
        allowed_usda_process: map.remove("allowedUsdaProcess"),
        state_manager_process: map.remove("stateManagerProcess"),
        lock_manager_process: map.remove("lockManagerProcess"),
        token_manager_process: map.remove("tokenManagerProcess"),
    })
}

#[derive(Deserialize)]
struct PositionOf {
    user: String,
    position: Position,
}

fn request(message: &Message, user: &str) -> Result<Request, Malformed> {
    Ok(Request {
        user: tag(ROLE, message, user)?,
        amount: tag(ROLE, message, "Amount")?,
        purpose: tag(ROLE, message, "Purpose")?,
    })
}

impl Says {
    /// What a message of the Coordinator says.
    ///
    /// # Errors
    /// [`Malformed`] when it is not what its action says; nothing may be concluded from it then.
    pub fn decode(message: &Message) -> Result<Self, Malformed> {
        Ok(match message.action() {
            "LockCollateral" => Self::LockCollateral(request(message, "User")?),
            "Mint" => Self::Mint(request(message, "Recipient")?),
            "Burn" => Self::Burn(request(message, "User")?),
            "UnlockCollateral" => Self::UnlockCollateral(request(message, "User")?),
            "MintTIM3-Pending" | "BurnTIM3-Pending" => Self::Pending(content::<Named>(ROLE, message)?.id),
            "MintTIM3-Progress" | "BurnTIM3-Progress" => Self::Progress(content::<Named>(ROLE, message)?.id),
            "MintTIM3-Timeout" | "BurnTIM3-Timeout" => Self::Expired(content::<Named>(ROLE, message)?.id),
            "MintTIM3-Response" => {
                let Booked { id, amount, .. } = content(ROLE, message)?;
                Self::Minted { id, amount }
            }
            "BurnTIM3-Response" => {
                let Booked { id, amount, collateral_released } = content(ROLE, message)?;
                let released =
                    collateral_released.ok_or_else(|| Malformed::new(ROLE, message, "no collateralReleased"))?;
                Self::Burned { id, amount, released }
            }
            "GetConfig-Response" => {
                let Configured { processes, system_config: system, .. } = content(ROLE, message)?;
                Self::Config { processes, system }
            }
            "Info-Response" => Self::Info(content(ROLE, message)?),
            "Position-Response" => {
                let PositionOf { user, position } = content(ROLE, message)?;
                Self::Position { user, position }
            }
            action => match action.strip_suffix("-Error") {
                Some(of) => Self::Error { of: of.to_owned(), why: message.data.clone() },
                None => Self::Other,
            },
        })
    }
}
