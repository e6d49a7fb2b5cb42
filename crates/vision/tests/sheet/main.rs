//! Sheets that are drawn here, printed badly and photographed worse, and what is read from them.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is drawn here is small and positive"
)]

mod damage;
mod draw;
mod files;
mod pdf;
mod print;
