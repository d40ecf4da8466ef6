//! The store's `Render`: replies are stored in the form in which the API sends them.

use domain::{Refusal, Reply};
use store::{Render, Rendered};

#[derive(Clone, Copy, Debug, Default)]
pub struct Wire;

impl Render for Wire {
    fn reply(&self, reply: &Reply) -> Rendered {
        stored(api::render_reply(reply))
    }
    fn refusal(&self, refusal: &Refusal, request_id: &str) -> Rendered {
        stored(api::render_refusal(refusal, request_id))
    }
}

pub fn stored(rendered: api::Rendered) -> Rendered {
    Rendered { status: rendered.status, body: rendered.body, location: rendered.location }
}
