//! The wire: what clients send and what they are answered, shared by the server and by clients:
//! requests, the views of rows, problem documents, and the OpenAPI document that tells of them.
//!
//! What must never be here: a decision, a row that is written, or anything that listens.
//!
//! Reading order: [`json`], [`text`] and [`validation_errors`] are the gate that a body passes; [`requests`] what may
//! be asked; [`views`] what rows look like from outside; [`code`] and [`problem`] how a refusal
//! is told; [`render`] makes the one text that is stored and sent; [`mod@openapi`] describes it
//! all.

pub mod card_number;
pub mod code;
pub mod email;
pub mod json;
pub mod limits;
pub mod money;
pub mod openapi;
pub mod problem;
pub mod render;
pub mod requests;
mod shape;
pub mod text;
pub mod time;
pub mod validation_errors;
pub mod views;

pub use code::{Code, errors_page};
pub use domain::Currency;
pub use money::Money;
pub use problem::Problem;
pub use render::{Rendered, render_problem, render_refusal, render_reply};
