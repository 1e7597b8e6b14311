//! What keeps a daemon from starting, told in one line each.

use std::process::Output;

use anyhow::{Context as _, Result};
use tim3_devnet::daemon::Program;

use crate::scene::Scene;

/// Runs the daemon, which must end at once with one line that has all of `words` in it.
fn refused(program: &Program, words: &[&str]) -> Result<()> {
    let Output { status, stderr, .. } = program.output(&["run"])?;
    let said = String::from_utf8(stderr)?;
    let errors: Vec<_> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    assert!(!status.success() && errors.len() == 1, "{status}: {said}");
    for word in words {
        assert!(errors[0].contains(word), "{word:?} is not in {:?}", errors[0]);
    }
    Ok(())
}

#[tokio::test]
async fn each_thing_that_is_wrong_is_one_line_with_a_hint() -> Result<()> {
    let mut scene = Scene::start().await?;
    let [a, b] = scene.devnet.sites();
    let program = |assignment: String| scene.program.clone().with_set(assignment);

    let not_it = scene.devnet.keys().join("alice.key");
    let password = format!("chains.a.submit.signer.password={{ file = '{}' }}", not_it.display());
    refused(&program(password), &["chains.a.submit", "submitter.json", "does not open this keystore"])?;
    refused(&program("chains.a.endpoints=[{ url = 'http://127.0.0.1:1' }]".to_owned()), &["a: ", "reachable"])?;
    let other = format!("chains.a.endpoints=[{{ url = '{}' }}]", b.anvil().url());
    refused(&program(other), &["a: ", "31338", "31337"])?;
    let stranger = format!("chains.a.gateway={}", a.deployment.tokens["USDA"]);
    refused(&program(stranger), &["a: "])?;
    let nobody = "chains.a.gateway=0x1111111111111111111111111111111111111111".to_owned();
    refused(&program(nobody), &["a: "])?;
    let earlier = format!("chains.a.gateway_id=0x{}", "11".repeat(32));
    refused(&program(earlier), &["a: ", "another deployment"])?;

    scene.run().await?;
    let port = tim3_devnet::daemon::free_port()?;
    let second = scene.program.clone().with_set(format!("api.listen=127.0.0.1:{port}"));
    refused(&second, &["journal", "tim3d"])?;
    scene.end().await.context("the first is not disturbed")
}
