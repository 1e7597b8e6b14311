//! `tim3d`: the TIM3 relay daemon.
mod config;
fn main() {
    let loaded = config::load(&config::Inputs {
        files: config::files(&[]),
        environment: std::env::vars().collect(),
        flags: std::env::args().skip(1).collect(),
    });
    let _ = writeln(loaded);
}
fn writeln(l: Result<config::Loaded, config::Problems>) -> std::io::Result<()> {
    use std::io::Write;
    match l {
        Ok(l) => writeln!(std::io::stdout(), "{l:#?}"),
        Err(e) => writeln!(std::io::stdout(), "{e}"),
    }
}
