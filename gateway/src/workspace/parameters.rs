//! The query of a request that is not generated.

use axum::extract::Query;
use axum::http::Uri;
use tonic::Status;

use crate::errors;

/// The parameters of a query, each at most once.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads a query that may have these parameters.
    ///
    /// # Errors
    /// It has others, or one twice.
    pub(super) fn read(uri: &Uri, known: &[&str]) -> Result<Self, Status> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| Status::invalid_argument(format!("the address is not valid: {error}")))?;
        for (index, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                return Err(errors::invalid(
                    name,
                    &format!("is no parameter: expected one of `{}`", known.join("`, `")),
                ));
            }
            if pairs[..index].iter().any(|(other, _)| other == name) {
                return Err(errors::invalid(name, "is there twice"));
            }
        }
        Ok(Self(pairs))
    }

    /// A text; empty where it is not there.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// A whole number.
    ///
    /// # Errors
    /// It is there and no number.
    pub(super) fn number<N: std::str::FromStr>(&self, name: &str) -> Result<Option<N>, Status> {
        match self.text(name) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| errors::invalid(name, "must be a whole number in range")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &'static str) -> Result<Parameters, String> {
        Parameters::read(&Uri::from_static(address), &["rows", "command"]).map_err(|status| status.message().to_owned())
    }

    #[test]
    fn a_query_has_known_parameters_only_and_each_of_them_once() {
        let found = read("/t?command=ls%20-l&rows=24").expect("read");
        assert_eq!((found.text("command"), found.text("cols")), ("ls -l", ""));
        assert_eq!((found.number::<u32>("rows").ok(), found.number::<u32>("cols").ok()), (Some(Some(24)), Some(None)));
        assert!(found.number::<u32>("command").is_err());
        assert!(read("/t?token=secret").expect_err("refused").contains("`rows`, `command`"));
        assert!(read("/t?rows=1&rows=2").expect_err("refused").contains("twice"));
    }
}
