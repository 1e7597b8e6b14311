//! Which files are read when none is named.

use std::path::{Path, PathBuf};

/// The configuration that `config init` writes: every key, explained.
pub(crate) const EXAMPLE: &str = include_str!("../../../../config/tim3d.example.toml");

/// The files named by flags or `TIM3D_CONFIG`, else the first that exists of those in the usual places; none if there is none.
pub(crate) fn files(named: &[PathBuf]) -> Vec<PathBuf> {
    if !named.is_empty() {
        return named.to_vec();
    }
    let usual = [Path::new("tim3d.toml"), Path::new("/etc/tim3d/tim3d.toml")];
    usual.into_iter().find(|path| path.exists()).map(Path::to_path_buf).into_iter().collect()
}
