//! What keeps a daemon from starting although everything else is right. The rest of it needs no chain, or only one: `crates/tim3d/tests`.

use std::process::Output;

use anyhow::Result;

use crate::scene::Scene;

#[tokio::test]
async fn a_wrong_keystore_password_is_one_line_with_a_hint() -> Result<()> {
    let scene = Scene::start().await?;
    let not_it = scene.devnet.keys().join("alice.key");
    let password = format!("chains.a.submit.signer.password={{ file = '{}' }}", not_it.display());
    let Output { status, stderr, .. } = scene.program.clone().with_set(password).output(&["run"])?;
    let said = String::from_utf8(stderr)?;
    let errors: Vec<_> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    assert!(!status.success() && errors.len() == 1, "{status}: {said}");
    for word in ["chains.a.submit", "submitter.json", "does not open this keystore", "check the password source"] {
        assert!(errors[0].contains(word), "{word:?} is not in {:?}", errors[0]);
    }
    Ok(())
}
