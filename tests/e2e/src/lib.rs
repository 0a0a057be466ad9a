//! The tests of built programs are in `tests/processes`; the program is `provider-simulator`.
