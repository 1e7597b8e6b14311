//! Where secrets are; never the secrets themselves.

use std::{fmt, path::PathBuf};

use anyhow::{Context as _, bail};
use config::{Value, ValueKind};
use tim3_ethereum::keys::check_permissions;
use zeroize::Zeroizing;

use super::{node::Table, text};

/// Where a text that must not be in the configuration is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretRef {
    /// An environment variable.
    Environment(String),
    /// A file; a newline at its end does not count.
    File(PathBuf),
    /// A credential of systemd: a file of that name in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

/// Where a private key is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyRef {
    /// An encrypted JSON keystore.
    Keystore {
        /// The keystore.
        file: PathBuf,
        /// What decrypts it.
        password: SecretRef,
    },
    /// 64 hexadecimal digits, in plain: for development.
    Plain(SecretRef),
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Credential(name) => write!(f, "systemd credential {name}"),
        }
    }
}

impl SecretRef {
    /// The file of the secret, unless it is kept in the environment.
    pub(crate) fn file(&self) -> anyhow::Result<Option<PathBuf>> {
        match self {
            Self::Environment(_) => Ok(None),
            Self::File(path) => Ok(Some(path.clone())),
            Self::Credential(name) => {
                let directory = std::env::var_os("CREDENTIALS_DIRECTORY")
                    .with_context(|| format!("{self} is not there; use LoadCredential={name}:… in the unit"))?;
                Ok(Some(PathBuf::from(directory).join(name)))
            }
        }
    }

    /// Reads the secret. A file that others than its owner may read is refused; who reads a credential is systemd's to say.
    pub(crate) fn read(&self) -> anyhow::Result<Zeroizing<String>> {
        if let Self::File(path) = self
            && path.exists()
        {
            check_permissions(path)?;
        }
        let text = match (self, self.file()?) {
            (Self::Environment(name), _) => std::env::var(name)
                .map_err(|_| anyhow::anyhow!("{self} is not set; set it, or name another place in the configuration")),
            (_, path) => std::fs::read_to_string(path.unwrap_or_default())
                .with_context(|| format!("cannot read the secret in {self}")),
        };
        let text = Zeroizing::new(text?);
        let text = Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned());
        if text.is_empty() {
            bail!("{self} is empty; put the secret there");
        }
        Ok(text)
    }
}

const SECRET: &str = "{ env = \"NAME\" }, { file = \"path\" } or { credential = \"name\" }";
const KEY: &str = "{ keystore = \"file\", password = { env | file | credential = \"…\" } }, or for development { env = \"NAME\" } or { file = \"path\" }";

/// The secret at `key` of `table`, which must be a reference.
pub(super) fn secret(table: &Table<'_>, key: &'static str) -> Option<SecretRef> {
    let value = table.value(key)?;
    reference(table, key, value, SECRET)?;
    table.table(key, |secret| {
        let forms = secret.one_of(&["env", "file", "credential"]).ok()?;
        if forms.is_none() {
            secret.missing("env", SECRET);
        }
        secret_form(secret, forms?.0)
    })
}

/// The private key at `key` of `table`, which must be there.
pub(super) fn key(table: &Table<'_>, key: &'static str) -> Option<KeyRef> {
    let Some(value) = table.value(key) else {
        table.missing(key, KEY);
        return None;
    };
    reference(table, key, value, KEY)?;
    table.table(key, |private| {
        let form = private.one_of(&["keystore", "env", "file", "credential"]).ok()?;
        match form.map(|(form, _)| form) {
            Some("keystore") => {
                let file = private.get("keystore", text::path);
                if private.value("password").is_none() {
                    private.missing("password", SECRET);
                }
                let password = secret(private, "password");
                Some(KeyRef::Keystore { file: file?, password: password? })
            }
            Some(form) => secret_form(private, form).map(KeyRef::Plain),
            None => {
                private.missing("keystore", KEY);
                None
            }
        }
    })
}

fn secret_form(table: &Table<'_>, form: &'static str) -> Option<SecretRef> {
    match form {
        "env" => table.get("env", text::text).map(SecretRef::Environment),
        "file" => table.get("file", text::path).map(SecretRef::File),
        _ => table.get("credential", text::credential).map(SecretRef::Credential),
    }
}

/// Refuses a secret that was written where its place belongs, without repeating it.
fn reference(table: &Table<'_>, key: &'static str, value: &Value, expected: &str) -> Option<()> {
    if matches!(value.kind, ValueKind::Table(_)) {
        return Some(());
    }
    let found = "a value that is not shown because it may be the secret itself".to_owned();
    table.conflict(
        key,
        found,
        expected.to_owned(),
        "move it out of the configuration and name its place; replace it if it was ever committed",
    );
    None
}
