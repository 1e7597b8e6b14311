//! Configuration: defaults < files < `TIM3D__SECTION__KEY` < `--set section.key=value`.
//!
//! The layers are laid over each other by the `config` crate as untyped values that remember where they come from; [`read`] walks the
//! result, knows every key, and collects what is wrong instead of stopping at it; [`check`] compares sections with each other. Secrets are never
//! in a configuration, only their places ([`secret`]).

mod anchor;
mod chains;
mod change;
mod check;
mod endpoints;
mod finality;
mod find;
mod keeper;
mod model;
mod node;
mod problem;
mod read;
mod secret;
mod source;
mod submit;
mod text;
mod v1;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use change::{Change, changes, hash, in_force};
pub(crate) use find::{EXAMPLE, files};
pub(crate) use keeper::{JsonSource, Keeper, KeeperAccount, KeeperChain, KeeperVenue, Origin, PriceSource};
pub(crate) use model::{
    Anchor, Asset, Attester, Chain, Config, Endpoint, Family, Kind, Market, Policy, Unit, UrlRef, V1, Voter,
};
pub(crate) use node::Setting;
pub(crate) use problem::{Problem, Problems};
pub(crate) use secret::{KeyRef, SecretRef};
pub(crate) use source::{Inputs, PREFIX};

/// A configuration that is right, and how it came to be.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    /// What holds.
    pub(crate) config: Config,
    /// Every key that holds, with its source.
    pub(crate) settings: Vec<Setting>,
    /// What is allowed and should be looked at.
    pub(crate) warnings: Vec<Problem>,
}

/// Reads and checks everything.
pub(crate) fn load(inputs: &Inputs) -> Result<Loaded, Problems> {
    let mut problems = Vec::new();
    let (value, origins) = source::merge(inputs, &mut problems);
    let walk = node::Walk::new(origins, problems);
    let config = walk.root(&value, read::config);
    let node::Walk { problems, warnings, settings, .. } = walk;
    match (config, problems.into_inner()) {
        (Some(config), problems) if problems.is_empty() => {
            Ok(Loaded { config, settings: settings.into_inner(), warnings: warnings.into_inner() })
        }
        (_, mut problems) => {
            if inputs.files.is_empty() {
                problems.insert(0, no_file());
            }
            Err(Problems(problems))
        }
    }
}

/// What is missing before anything else.
fn no_file() -> Problem {
    Problem {
        source: "configuration".to_owned(),
        line: None,
        key: String::new(),
        found: "no file".to_owned(),
        expected: "./tim3d.toml, /etc/tim3d/tim3d.toml, or one named by --config or TIM3D_CONFIG".to_owned(),
        remedy: "make one with `tim3d config init`".to_owned(),
    }
}
