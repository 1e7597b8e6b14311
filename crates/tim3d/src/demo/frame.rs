//! The state of things, drawn below the lines: at most 100 columns wide.

use super::{plan::Plan, scenes::healths, stage::Stage, view::money, world::SimulatedChain};

/// What does not change while it runs.
#[derive(Clone, Debug)]
pub(super) struct Title {
    pub(super) seed: u64,
    pub(super) operations: u32,
    pub(super) url: String,
}

/// The frame as lines.
pub(super) fn frame(stage: &Stage, plan: &Plan, title: &Title) -> Vec<String> {
    let mut lines = vec![
        "─".repeat(98),
        format!(
            "SIMULATED: three chains in memory, no network, no money        seed {}   {}",
            title.seed,
            stage.view.clock()
        ),
        format!(
            "{:<6} {:>6} {:>6} {:>7} {:>7} {:>9} {:>7} {:>7} {:>13} {:>13}",
            "chain", "head", "final", "events", "waiting", "in flight", "mirrors", "reorgs", "TIM3 supply", "debt"
        ),
    ];
    lines.extend(stage.world.chains().map(|chain| chain_line(stage, chain)));
    lines.push(progress(stage.view.seen().finished(), title.operations));
    lines.push(operations(stage, title.operations));
    if let Ok(healths) = healths(stage, plan) {
        lines.push(format!("vaults: health of {} (below 1 is liquidatable)", healths.join(", ")));
    }
    lines.push(title.url.clone());
    lines
}

fn chain_line(stage: &Stage, chain: &SimulatedChain) -> String {
    let (state, peers) = (chain.node.state(), []);
    let books = state.books(stage.world.assets.tim3, &peers);
    let board = stage.relay.borrow().as_ref().and_then(|handle| {
        handle.chains().find(|(gateway, ..)| *gateway == chain.node.gateway()).map(|(_, _, board)| board)
    });
    let of_board = |what: fn(&tim3_coordinator::ChainBoard) -> usize| {
        board.as_ref().map_or("down".to_owned(), |board| what(board).to_string())
    };
    format!(
        "{:<6} {:>6} {:>6} {:>7} {:>7} {:>9} {:>7} {:>7} {:>13} {:>13}",
        chain.name,
        chain.node.head().height,
        chain.finalized(),
        state.head().count,
        of_board(|board| board.waiting),
        of_board(|board| board.in_flight),
        of_board(|board| board.mirrors_behind),
        chain.node.struck().reorgs,
        money(books.minted.saturating_sub(books.burned)),
        money(books.debt),
    )
}

/// How much is done, as a bar.
fn progress(done: usize, planned: u32) -> String {
    const WIDTH: usize = 60;
    let planned = usize::try_from(planned).unwrap_or(usize::MAX).max(1);
    let full = done.saturating_mul(WIDTH).checked_div(planned).unwrap_or_default().min(WIDTH);
    format!("{}{}  {done} of {planned} ended", "█".repeat(full), "░".repeat(WIDTH.saturating_sub(full)))
}

/// Operations by phase, in one line.
pub(super) fn operations(stage: &Stage, planned: u32) -> String {
    let seen = stage.view.seen();
    let ended = seen.ended.iter().map(|(phase, count)| format!("{phase} {count}"));
    let open = stage.relay.borrow().as_ref().map(|handle| {
        let phases = handle.assets().flat_map(|(_, board)| board.phases).filter(|(_, count)| *count > 0);
        phases.map(|(phase, count)| format!("{phase} {count}")).collect::<Vec<_>>()
    });
    let open = open.unwrap_or_else(|| vec!["the daemon is down".to_owned()]);
    let all: Vec<String> = ended.chain(open).collect();
    format!("operations: {planned} planned · {}", all.join(" · "))
}
