//! What calls use: how much a user may ([`limits`]), what a call took ([`account`]), and where that
//! is written down ([`ledger`]).

pub(crate) mod account;
pub(crate) mod estimate;
pub(crate) mod ledger;
pub(crate) mod limits;
pub(crate) mod redact;
