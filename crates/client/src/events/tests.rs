use futures_util::StreamExt as _;
use tokio::time::Instant;

use super::*;
use crate::script::{Script, ScriptStep, answer, broken, not_sent};

fn page(positions: &[i64]) -> ScriptStep {
    let events: Vec<String> = positions
        .iter()
        .map(|position| {
            format!(
                r#"{{"id":"{id}","position":{position},"type":"booking.held","subject":"booking",
                "subject_id":"{id}","seq":1,"data":{{}},"created_at":"2026-07-01T09:00:00Z"}}"#,
                id = uuid::Uuid::from_u128(*position as u128)
            )
        })
        .collect();
    let next = positions.last().copied().unwrap_or_default();
    answer(200, format!(r#"{{"data":[{}],"next_cursor":"{next}"}}"#, events.join(",")))
}

fn requested(script: &Script) -> Vec<String> {
    script.calls().iter().map(|call| call.target.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn rest_ends_at_the_end_of_the_log() {
    let script = Script::new([page(&[5, 6]), page(&[7]), page(&[])]);
    let events = script.client().events_after(4).page_rows(2).rest();
    let positions: Vec<i64> = events.map(|event| event.unwrap().position).collect().await;
    assert_eq!(positions, [5, 6, 7]);
    let expected = [4, 6, 7].map(|after| format!("/v1/events?after={after}&limit=2"));
    assert_eq!(requested(&script), expected);

    let script = Script::new([page(&[1]), not_sent()]);
    let events: Vec<_> = script.client().events_after(0).rest().collect().await;
    assert_eq!(events.len(), 2, "an event, and then the error that ends the stream");
    assert!(events[0].is_ok() && events[1].is_err());
}

#[tokio::test(start_paused = true)]
async fn follow_waits_for_new_events() {
    let script = Script::new([page(&[1]), page(&[]), page(&[]), page(&[2, 3])]);
    let every = Duration::from_secs(20);
    let begun = Instant::now();
    let events = script.client().events_after(0).poll_every(every).follow();
    let positions: Vec<i64> = events.take(3).map(|event| event.unwrap().position).collect().await;
    assert_eq!(positions, [1, 2, 3]);
    let waited = begun.elapsed();
    assert!(waited >= every * 2 && waited < every * 2 + Duration::from_millis(5), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn an_error_loses_nothing() {
    let lost = || std::iter::repeat_n(broken(), 3);
    let script = Script::new([page(&[1])].into_iter().chain(lost()).chain([page(&[2])]));
    let events: Vec<_> = script.client().events_after(0).follow().take(3).collect().await;
    let positions: Vec<_> =
        events.iter().map(|event| event.as_ref().ok().map(|event| event.position)).collect();
    assert_eq!(positions, [Some(1), None, Some(2)]);
}

#[tokio::test(start_paused = true)]
async fn an_event_is_not_returned_twice() {
    let script = Script::new([page(&[1, 2]), page(&[1, 2])]);
    let events = script.client().events_after(0).rest();
    assert_eq!(events.map(|event| event.unwrap().position).collect::<Vec<_>>().await, [1, 2]);
}
