//! The wire forms that every gateway, every attester and the daemon share (`contracts/PROTOCOL.md` sections 3 to 6).

mod event;
mod operation;
mod order;
mod position;
mod window;

pub use event::{Event, EventBody, Head, Outcome};
pub use operation::{Operation, OperationKind, RouteFee};
pub use order::{Action, Order, OrderCode, OrderContent, SignedOrder};
pub use position::{MirrorRecord, PositionState};
pub use window::Window;
