//! What the document says of an endpoint. The server makes one from each handler, so that nothing is said
//! that is not done.

use std::borrow::Cow;

use crate::code::Code;
use crate::requests::Scope;

/// Whether an endpoint takes an idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    None,
    Optional,
    Required,
}

/// The body of an answer.
#[derive(Clone, Debug)]
pub enum ReplyBody {
    /// A schema, by its name.
    One(Cow<'static, str>),
    /// The same, shown this once: it has no place where it could be looked at again.
    Once(Cow<'static, str>),
    /// A page of such.
    Page(Cow<'static, str>),
    /// Something else, by its media type.
    Text(&'static str),
}

/// An answer that is no refusal.
#[derive(Clone, Debug)]
pub struct ApiReply {
    pub status: u16,
    pub body: ReplyBody,
    pub description: &'static str,
}

#[derive(Clone, Debug)]
pub struct RequestBody {
    /// Its schema, by its name.
    pub schema: Cow<'static, str>,
    pub is_optional: bool,
}

#[derive(Clone, Debug)]
pub struct ApiOperation {
    pub method: &'static str,
    pub path: &'static str,
    pub id: &'static str,
    pub tag: &'static str,
    pub summary: &'static str,
    pub description: &'static str,
    /// One of them will do; none where nobody has to say who they are.
    pub scopes: &'static [Scope],
    pub key: Key,
    /// Takes `Prefer: wait`.
    pub waits: bool,
    /// The schema of its parameters, by its name.
    pub query: Option<Cow<'static, str>>,
    pub body: Option<RequestBody>,
    pub replies: Vec<ApiReply>,
    /// Besides those that every endpoint of its kind has.
    pub refusals: &'static [Code],
}

impl ApiOperation {
    /// One that nothing is said of yet.
    pub fn new(method: &'static str, path: &'static str, id: &'static str) -> ApiOperation {
        ApiOperation {
            method,
            path,
            id,
            tag: "",
            summary: "",
            description: "",
            scopes: &[],
            key: Key::None,
            waits: false,
            query: None,
            body: None,
            replies: Vec::new(),
            refusals: &[],
        }
    }

    /// Whether what is made has one place, for the `Location` header.
    pub fn has_a_place(&self) -> bool {
        self.replies.iter().all(|reply| !matches!(reply.body, ReplyBody::Page(_) | ReplyBody::Once(_)))
    }
}
