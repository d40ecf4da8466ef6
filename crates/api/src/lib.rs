//! The wire format, shared by server and clients: requests, views of rows, problem documents, and
//! the OpenAPI document.
//!
//! What must never be here: a decision, a write of a row, or a listening socket.
//!
//! Reading order: [`json`], [`text`] and [`validation_errors`] check a body; [`requests`] are the
//! requests; [`views`] the outside form of rows; [`code`] and [`problem`] describe refusals;
//! [`ticket`] is what is shown at the entrance; [`render`] produces the text that is stored and sent; [`mod@openapi`] describes all of it.

pub mod card_number;
pub mod code;
pub mod email;
pub mod json;
pub mod limits;
pub mod money;
pub mod openapi;
pub mod problem;
mod qr_png;
mod qr_svg;
pub mod recurrence;
pub mod render;
pub mod requests;
mod shape;
pub mod text;
pub mod ticket;
pub mod time;
pub mod validation_errors;
pub mod views;

pub use code::{Code, errors_page};
pub use domain::Currency;
pub use money::Money;
pub use problem::Problem;
pub use render::{Rendered, render_problem, render_refusal, render_reply};
