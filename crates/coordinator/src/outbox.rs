//! What waits for submitters. Submitters tell the ones who hand orders in what became of them; if those waited for a submitter in turn, both
//! could wait for each other for ever. So they never do: what a submitter has no room for waits here, and one that is slow holds up no other.

use std::collections::{BTreeMap, VecDeque};

use futures::future::{pending, select_all};
use tim3_domain::identity::GatewayId;
use tokio::sync::mpsc::{Sender, error::TrySendError};

use crate::submitter::Request;

/// Requests on their way to submitters: for each one first in, first out. It holds no more than there are open operations or copies to carry.
#[derive(Debug)]
pub(crate) struct Outbox {
    routes: BTreeMap<GatewayId, Route>,
}

#[derive(Debug)]
struct Route {
    submitter: Sender<Request>,
    waiting: VecDeque<Request>,
}

impl Outbox {
    pub(crate) fn new(submitters: impl IntoIterator<Item = (GatewayId, Sender<Request>)>) -> Self {
        let route = |submitter| Route { submitter, waiting: VecDeque::new() };
        Self { routes: submitters.into_iter().map(|(gateway, submitter)| (gateway, route(submitter))).collect() }
    }

    /// Hands a request in: now, where there is room and nothing waits before it, and else with [`Outbox::flow`].
    pub(crate) fn push(&mut self, gateway: GatewayId, request: Request) {
        if let Some(route) = self.routes.get_mut(&gateway) {
            route.waiting.push_back(request);
            route.flow();
        }
    }

    /// Waits until a submitter has room for what waits for it, and hands that in. Ends never while nothing waits; may be dropped at any time.
    pub(crate) async fn flow(&mut self) {
        let waiting = self.routes.iter().filter(|(_, route)| !route.waiting.is_empty());
        let room: Vec<_> = waiting
            .map(|(gateway, route)| {
                Box::pin(async {
                    // The room is taken below. That there will never be any is seen there, too.
                    drop(route.submitter.reserve().await);
                    *gateway
                })
            })
            .collect();
        if room.is_empty() {
            return pending().await;
        }
        let (gateway, _, others) = select_all(room).await;
        drop(others);
        if let Some(route) = self.routes.get_mut(&gateway) {
            route.flow();
        }
    }
}

impl Route {
    fn flow(&mut self) {
        while let Some(request) = self.waiting.pop_front() {
            match self.submitter.try_send(request) {
                Ok(()) => {}
                Err(TrySendError::Full(request)) => return self.waiting.push_front(request),
                // The submitter ended; whoever owns its task says so.
                Err(TrySendError::Closed(_)) => self.waiting.clear(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tim3_domain::word::Word;
    use tim3_journal::OrderRef;
    use tokio::sync::mpsc;

    use super::*;

    fn gateway(name: u8) -> GatewayId {
        GatewayId(Word([name; 32]))
    }

    fn request(number: u8) -> Request {
        Request::Withdraw(OrderRef::Mirror(Word([number; 32])))
    }

    fn number(request: Request) -> u8 {
        let Request::Withdraw(OrderRef::Mirror(Word([number, ..]))) = request else { panic!("another request") };
        number
    }

    #[tokio::test]
    async fn more_than_a_submitter_has_room_for_waits_and_arrives_in_order() {
        let (sender, mut submitter) = mpsc::channel(2);
        let mut outbox = Outbox::new([(gateway(1), sender)]);
        for number in 0..10 {
            outbox.push(gateway(1), request(number));
        }
        for expected in 0..10 {
            assert_eq!(number(submitter.recv().await.unwrap()), expected);
            let _ = outbox.flow().now_or_never();
        }
        assert!(submitter.try_recv().is_err());
    }

    #[tokio::test]
    async fn what_arrives_later_does_not_overtake_what_waits() {
        let (sender, mut submitter) = mpsc::channel(1);
        let mut outbox = Outbox::new([(gateway(1), sender)]);
        outbox.push(gateway(1), request(0));
        outbox.push(gateway(1), request(1));
        assert_eq!(number(submitter.recv().await.unwrap()), 0);
        outbox.push(gateway(1), request(2));
        assert_eq!(number(submitter.recv().await.unwrap()), 1);
        outbox.flow().await;
        assert_eq!(number(submitter.recv().await.unwrap()), 2);
    }

    #[tokio::test]
    async fn a_submitter_that_takes_nothing_holds_up_no_other() {
        let (stuck, _nobody_receives) = mpsc::channel(1);
        let (sender, mut submitter) = mpsc::channel(1);
        let mut outbox = Outbox::new([(gateway(1), stuck), (gateway(2), sender)]);
        for number in 0..3 {
            outbox.push(gateway(1), request(number));
            outbox.push(gateway(2), request(number));
        }
        for expected in 0..3 {
            assert_eq!(number(submitter.recv().await.unwrap()), expected);
            let _ = outbox.flow().now_or_never();
        }
    }

    #[tokio::test]
    async fn with_nothing_to_hand_in_or_nobody_to_hand_it_to_it_only_waits() {
        let (sender, submitter) = mpsc::channel(1);
        let mut outbox = Outbox::new([(gateway(1), sender)]);
        assert!(outbox.flow().now_or_never().is_none());
        drop(submitter);
        outbox.push(gateway(1), request(0));
        assert!(outbox.flow().now_or_never().is_none());
    }
}
