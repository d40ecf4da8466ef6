//! Many requests sent at once, answered in order.

use std::future::poll_fn;
use std::task::Poll;

use futures_util::future::maybe_done;

/// Drives all futures and collects their outputs. A request is sent when its future is first polled,
/// so the order of the first polls is the order on the wire: here it is the order given, which
/// `join_all` does not promise.
pub(super) async fn in_order<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut sent: Vec<_> = futures.map(|future| Box::pin(maybe_done(future))).collect();
    poll_fn(|context| {
        let mut pending = false;
        for future in &mut sent {
            pending |= future.as_mut().poll(context).is_pending();
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    let outputs = sent.iter_mut().map(|future| future.as_mut().take_output());
    outputs.map(|output| output.expect("each was polled to its end")).collect()
}
