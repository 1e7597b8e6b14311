//! Who may do what.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, header::AUTHORIZATION},
    middleware::Next,
    response::{IntoResponse, Response},
};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{error::Failure, server::Shared};

/// Who may read and who may change. Clones share the token.
#[derive(Clone, Default)]
pub struct Access {
    token: Arc<RwLock<Option<Zeroizing<String>>>>,
    open_reads: bool,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("open_reads", &self.open_reads).finish_non_exhaustive()
    }
}

impl Access {
    /// `POST` needs `token`, and without one is refused; reading needs it unless `open_reads`, which is for loopback only.
    #[must_use]
    pub fn new(token: Option<Zeroizing<String>>, open_reads: bool) -> Self {
        Self { token: Arc::new(RwLock::new(token)), open_reads }
    }

    /// Whether this is the token.
    #[must_use]
    pub fn has(&self, token: Option<&str>) -> bool {
        let own = self.token.read().unwrap_or_else(PoisonError::into_inner);
        match (own.as_ref(), token) {
            (Some(own), Some(token)) => token.as_bytes().ct_eq(own.as_bytes()).into(),
            (own, token) => own.is_none() && token.is_none(),
        }
    }

    /// From now on only `token` counts.
    pub fn replace(&self, token: Option<Zeroizing<String>>) {
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = token;
    }

    fn check(&self, method: &Method, headers: &HeaderMap) -> Result<(), Failure> {
        if self.open_reads && (method == Method::GET || method == Method::HEAD) {
            return Ok(());
        }
        if self.has(None) {
            return Err(Failure::forbidden(
                "this daemon has no API token, so nothing can be changed through it; set api.token in its configuration",
            ));
        }
        let Some(given) = bearer(headers) else {
            return Err(Failure::unauthorized("this needs the header `Authorization: Bearer <api.token>`"));
        };
        if self.has(Some(given)) {
            Ok(())
        } else {
            Err(Failure::unauthorized("the bearer token is not the api.token of this daemon"))
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Lets a request through, or answers it.
pub(crate) async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    match shared.access.check(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(failure) => failure.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, StatusCode};

    use super::*;

    fn status(access: &Access, method: &Method, authorization: Option<&str>) -> Option<StatusCode> {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        access.check(method, &headers).err().map(|failure| failure.status())
    }

    fn token(open_reads: bool) -> Access {
        Access::new(Some(Zeroizing::new("s3cret".into())), open_reads)
    }

    #[test]
    fn changes_need_the_token_even_where_reading_is_open() {
        let access = token(true);
        assert_eq!(status(&access, &Method::GET, None), None);
        assert_eq!(status(&access, &Method::POST, None), Some(StatusCode::UNAUTHORIZED));
        for wrong in ["Bearer", "Bearer ", "Bearer s3cre", "Bearer s3cret2", "Basic s3cret", "s3cret"] {
            assert_eq!(status(&access, &Method::POST, Some(wrong)), Some(StatusCode::UNAUTHORIZED), "{wrong:?}");
        }
        for right in ["Bearer s3cret", "bearer s3cret"] {
            assert_eq!(status(&access, &Method::POST, Some(right)), None, "{right:?}");
        }
    }

    #[test]
    fn a_replaced_token_counts_no_more() {
        let access = token(true);
        let served = access.clone();
        access.replace(Some(Zeroizing::new("another".into())));
        assert_eq!(status(&served, &Method::POST, Some("Bearer s3cret")), Some(StatusCode::UNAUTHORIZED));
        assert_eq!(status(&served, &Method::POST, Some("Bearer another")), None);
        assert!(access.has(Some("another")) && !access.has(Some("s3cret")) && !access.has(None));
        access.replace(None);
        assert_eq!(status(&served, &Method::POST, Some("Bearer another")), Some(StatusCode::FORBIDDEN));
        assert!(!format!("{served:?}").contains("s3cret"));
    }

    #[test]
    fn reading_off_loopback_needs_the_token() {
        let access = token(false);
        assert_eq!(status(&access, &Method::GET, None), Some(StatusCode::UNAUTHORIZED));
        assert_eq!(status(&access, &Method::GET, Some("Bearer s3cret")), None);
    }

    #[test]
    fn without_a_token_nothing_can_be_changed() {
        let access = Access::new(None, true);
        assert_eq!(status(&access, &Method::POST, Some("Bearer ")), Some(StatusCode::FORBIDDEN));
        assert_eq!(status(&access, &Method::GET, None), None);
    }
}
