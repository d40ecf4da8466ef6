//! An endpoint: its route, and its description in the API's document. Both are made from the
//! handler, so that they cannot differ.
//!
//! | what | comes from |
//! |---|---|
//! | scopes, body, query, idempotency key, `Prefer` | the types of the handler's arguments ([`Extractor`]) |
//! | path, description, replies, its own refusals | the endpoint's file |
//! | refusals that every endpoint of its kind has, headers | [`api::openapi`] |

use api::Code;
use api::openapi::{ApiOperation, ApiReply, ReplyBody, ToSchema};
use axum::Extension;
use axum::extract::State;
use axum::handler::Handler;
use axum::routing::{self, MethodRouter};

use super::{App, RequestId};

pub struct Endpoint {
    pub operation: ApiOperation,
    pub route: MethodRouter<App>,
}

/// The endpoints under one heading of the document.
pub struct Group {
    pub tag: &'static str,
    pub description: &'static str,
    pub endpoints: &'static [fn() -> Endpoint],
}

impl Endpoint {
    pub fn get<A: Arguments, H: Handler<A, App>>(
        path: &'static str,
        id: &'static str,
        handler: H,
    ) -> Endpoint {
        Endpoint::new::<A>("GET", path, id, routing::get(handler))
    }

    pub fn post<A: Arguments, H: Handler<A, App>>(
        path: &'static str,
        id: &'static str,
        handler: H,
    ) -> Endpoint {
        Endpoint::new::<A>("POST", path, id, routing::post(handler))
    }

    pub fn patch<A: Arguments, H: Handler<A, App>>(
        path: &'static str,
        id: &'static str,
        handler: H,
    ) -> Endpoint {
        Endpoint::new::<A>("PATCH", path, id, routing::patch(handler))
    }

    fn new<A: Arguments>(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        route: MethodRouter<App>,
    ) -> Endpoint {
        let mut operation = ApiOperation::new(method, path, id);
        A::describe(&mut operation);
        Endpoint { operation, route }
    }

    pub fn about(mut self, summary: &'static str, description: &'static str) -> Endpoint {
        (self.operation.summary, self.operation.description) = (summary, description);
        self
    }

    pub fn answers<V: ToSchema>(self, status: u16, description: &'static str) -> Endpoint {
        self.reply(status, ReplyBody::One(V::name()), description)
    }

    /// With a body that is shown only this once.
    pub fn answers_once<V: ToSchema>(self, status: u16, description: &'static str) -> Endpoint {
        self.reply(status, ReplyBody::Once(V::name()), description)
    }

    pub fn answers_page<V: ToSchema>(self, status: u16, description: &'static str) -> Endpoint {
        self.reply(status, ReplyBody::Page(V::name()), description)
    }

    pub fn answers_text(self, status: u16, media: &'static str, description: &'static str) -> Endpoint {
        self.reply(status, ReplyBody::Text(media), description)
    }

    /// Its own refusals, in addition to those of every endpoint of its kind.
    pub fn refuses(mut self, codes: &'static [Code]) -> Endpoint {
        self.operation.refusals = codes;
        self
    }

    fn reply(mut self, status: u16, body: ReplyBody, description: &'static str) -> Endpoint {
        self.operation.replies.push(ApiReply { status, body, description });
        self
    }
}

/// An argument of a handler, and what it adds to the endpoint's description.
pub trait Extractor {
    fn describe(_: &mut ApiOperation) {}
}

impl Extractor for State<App> {}
impl Extractor for Extension<RequestId> {}

/// All arguments of a handler, in axum's form.
pub trait Arguments: 'static {
    fn describe(operation: &mut ApiOperation);
}

impl Arguments for ((),) {
    fn describe(_: &mut ApiOperation) {}
}

macro_rules! arguments {
    ($($argument:ident),+) => {
        impl<M: 'static, $($argument: Extractor + 'static),+> Arguments for (M, $($argument,)+) {
            fn describe(operation: &mut ApiOperation) {
                $( $argument::describe(operation); )+
            }
        }
    };
}

arguments!(A);
arguments!(A, B);
arguments!(A, B, C);
arguments!(A, B, C, D);
