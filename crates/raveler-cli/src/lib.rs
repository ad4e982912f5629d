//! What the `raveler` command says, as text that the caller prints.

pub mod doctor;
