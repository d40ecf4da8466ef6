//! The relay's side: what is published, under which id, in which order, and what is not.

use std::collections::BTreeMap;

use adapter_nats::{Credentials, Nats, Settings};
use server::ports::broker::{Ack, Broker as _};
use test_servers::nats::Options;
use testkit::until;

use super::stream::{
    DATABASE, PATIENCE, again, connect, connected, delete_stream, ids, kept, message, publish, server,
    settings,
};

#[tokio::test]
async fn a_message_is_kept_in_the_documented_form() {
    let server = server(Options::default());
    let nats = connect(settings(&server)).await;
    let publication = message(7, 1);
    assert!(matches!(
        nats.publish(std::slice::from_ref(&publication), PATIENCE).await[..],
        [Ok(Ack::Stored)]
    ));
    let [kept] = &kept(&server).await[..] else { panic!("one message") };
    let partition = publication.message.partition;
    assert_eq!(kept.subject, format!("surehold.{DATABASE}.{partition}.payment.captured"));
    assert_eq!(kept.id, format!("{}-1", publication.message.id.0));
    assert_eq!(kept.body["data"]["seq"], 1);
    assert_eq!(kept.body["id"], publication.message.id.0.to_string());
}

#[tokio::test]
async fn a_try_more_is_kept_once_and_a_publication_more_is_kept_again() {
    let server = server(Options::default());
    let nats = connect(settings(&server)).await;
    let first = message(1, 1);
    let second = again(&first);
    // The acknowledgement of the first try was lost: the relay retries, and gets the
    // acknowledgement of the kept message.
    for _ in 0..3 {
        assert_eq!(publish(&nats, &[message(1, 1)]).await, [true]);
    }
    assert_eq!(ids(&server).await, [format!("{}-1", first.message.id.0)]);
    // Nobody received it: the sweep publishes it again, well within the window for duplicates.
    assert_eq!(publish(&nats, std::slice::from_ref(&second)).await, [true]);
    assert_eq!(
        ids(&server).await,
        [format!("{}-1", first.message.id.0), format!("{}-2", first.message.id.0)]
    );
}

#[tokio::test]
async fn the_messages_of_each_subject_are_kept_in_order() {
    let server = server(Options::default());
    let nats = connect(settings(&server)).await;
    for batch in 0..4 {
        let seqs = batch * 5 + 1..batch * 5 + 6;
        let publications: Vec<_> =
            seqs.flat_map(|seq| (1..=40).map(move |subject| message(subject, seq))).collect();
        assert!(publish(&nats, &publications).await.into_iter().all(|taken| taken));
    }
    let mut subjects: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for kept in kept(&server).await {
        let subject = kept.body["subject_id"].as_str().unwrap().to_owned();
        subjects.entry(subject).or_default().push(kept.body["seq"].as_i64().unwrap());
    }
    assert_eq!(subjects.len(), 40);
    for (subject, seqs) in subjects {
        assert_eq!(seqs, (1..=20).collect::<Vec<i64>>(), "{subject}");
    }
}

#[tokio::test]
async fn after_one_that_fails_the_later_ones_of_its_subject_are_not_published() {
    let server = server(Options { payload_max_bytes: Some(2_000), ..Options::default() });
    let nats = connect(settings(&server)).await;
    let mut large = message(1, 2);
    let mut body = (*large.message).clone();
    body.payload = format!("\"{}\"", "x".repeat(3_000));
    large.message = std::sync::Arc::new(body);
    let batch = [message(1, 1), large, message(1, 3), message(2, 1), message(2, 2)];
    assert_eq!(publish(&nats, &batch).await, [true, false, false, true, true]);
    let seqs: Vec<_> = kept(&server).await.iter().map(|kept| kept.body["seq"].as_i64().unwrap()).collect();
    assert_eq!(seqs.len(), 3, "{seqs:?}");
    assert!(!seqs.contains(&3), "{seqs:?}");
}

#[tokio::test]
async fn what_could_not_be_published_is_kept_nowhere() {
    let server = server(Options::default());
    let nats = connect(settings(&server)).await;
    assert_eq!(publish(&nats, &[message(1, 1)]).await, [true]);
    server.kill().unwrap();
    until("the cut is felt", async || (!nats.is_connected()).then_some(())).await;
    let lost: Vec<_> = (2..500).map(|seq| message(seq, 1)).collect();
    for _ in 0..10 {
        assert!(publish(&nats, &lost).await.into_iter().all(|taken| !taken));
    }
    server.restart().unwrap();
    connected(&nats).await;
    // No buffer of ours sends anything now: the backlog is in the outbox, which publishes at its
    // own rate.
    assert_eq!(publish(&nats, &[message(1, 2)]).await, [true]);
    assert_eq!(ids(&server).await.len(), 2);
}

#[tokio::test]
async fn a_server_held_still_is_given_up_on_and_tried_again() {
    let server = server(Options::default());
    let nats = connect(settings(&server)).await;
    assert_eq!(publish(&nats, &[message(1, 1)]).await, [true]);
    server.pause().unwrap();
    let batch: Vec<_> = (2..400).map(|subject| message(subject, 1)).collect();
    assert!(publish(&nats, &batch).await.into_iter().all(|taken| !taken));
    server.resume().unwrap();
    connected(&nats).await;
    // Messages that were taken and not acknowledged in time come again under the same ids.
    assert!(publish(&nats, &batch).await.into_iter().all(|taken| taken));
    let mut kept = ids(&server).await;
    kept.sort();
    let distinct = kept.len();
    kept.dedup();
    assert_eq!((kept.len(), distinct), (399, 399));
}

#[tokio::test]
async fn a_stream_that_vanished_is_made_again() {
    let server = server(Options::default());
    let nats = connect(settings(&server)).await;
    assert_eq!(publish(&nats, &[message(1, 1)]).await, [true]);
    delete_stream(&server).await;
    until("it is made again", async || {
        publish(&nats, &[message(1, 2)]).await.into_iter().all(|taken| taken).then_some(())
    })
    .await;
    assert_eq!(ids(&server).await, [format!("{}-1", message(1, 2).message.id.0)]);
}

#[tokio::test]
async fn a_stream_of_another_database_is_not_touched() {
    let server = server(Options::default());
    let other = Nats::connect(settings(&server), uuid::Uuid::from_u128(1)).await.unwrap();
    connected(&other).await;
    assert_eq!(publish(&other, &[message(1, 1)]).await, [true]);
    let nats = connect(settings(&server)).await;
    let refused = nats.publish(&[message(2, 1)], PATIENCE).await.remove(0).unwrap_err().to_string();
    assert!(refused.contains("of its own"), "{refused}");
    // Under another name it gets its own stream.
    let named = connect(Settings { stream: "STAGING".to_owned(), ..settings(&server) }).await;
    assert_eq!(publish(&named, &[message(2, 1)]).await, [true]);
    assert_eq!(ids(&server).await.len(), 1);
}

#[tokio::test]
async fn limits_follow_the_settings() {
    let server = server(Options::default());
    let nats = connect(settings(&server)).await;
    assert_eq!(publish(&nats, &[message(1, 1)]).await, [true]);
    let kept_bytes_max = 2 << 20;
    let nats = connect(Settings { kept_bytes_max, ..settings(&server) }).await;
    assert_eq!(publish(&nats, &[message(1, 2)]).await, [true]);
    let jetstream = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let stream = jetstream.get_stream("SUREHOLD").await.unwrap();
    let config = &stream.cached_info().config;
    assert_eq!((config.max_bytes, config.max_age), (2 << 20, settings(&server).kept));
    assert_eq!(stream.cached_info().state.messages, 2);
}

#[tokio::test]
async fn a_domain_is_addressed_by_its_name() {
    let server = server(Options { domain: Some("deployment".to_owned()), ..Options::default() });
    let nats = connect(Settings { domain: Some("deployment".to_owned()), ..settings(&server) }).await;
    assert_eq!(publish(&nats, &[message(1, 1)]).await, [true]);
    assert_eq!(ids(&server).await.len(), 1);
}

#[tokio::test]
async fn only_the_right_credentials_are_let_in() {
    // An NKey made for this test only.
    const USER: &str = "UAJCZTIHFO7SJM4O5622U4KPQMFNLQV5HN7O7EQVSEVCZBLFHBJNJVLY";
    const SEED: &str = "SUAPIYZ74G4TK7C6YD25D736AE2BE5N3ZUM6C3DQRHUPDSFFVQHOW4J3GE";
    let secret = |text: &str| providers::Secret::new(text);
    let password = |text: &str| Credentials::Password { user: "relay".to_owned(), password: secret(text) };
    let nkey = format!("authorization {{ users = [ {{ nkey: {USER} }} ] }}");
    for (configuration, right, wrong) in [
        ("authorization { user: relay, password: right }", password("right"), password("wrong")),
        ("authorization { token: right }", Credentials::Token(secret("right")), Credentials::None),
        (&nkey, Credentials::Nkey(secret(SEED)), Credentials::Token(secret("right"))),
    ] {
        let server = server(Options { configuration: configuration.to_owned(), ..Options::default() });
        let nats = connect(Settings { credentials: right, ..settings(&server) }).await;
        assert_eq!(publish(&nats, &[message(1, 1)]).await, [true], "{configuration}");
        let refused =
            Nats::connect(Settings { credentials: wrong, ..settings(&server) }, DATABASE).await.unwrap();
        assert_eq!(publish(&refused, &[message(1, 1)]).await, [false], "{configuration}");
        until("the server has turned it away", async || {
            let log = std::fs::read_to_string(server.log_path()).unwrap();
            log.contains("authentication error").then_some(())
        })
        .await;
        assert!(!refused.is_connected());
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_at_the_start() {
    let server = server(Options::default());
    let refused = async |change: fn(&mut Settings)| {
        let mut settings = settings(&server);
        change(&mut settings);
        Nats::connect(settings, DATABASE).await.err().expect("a refusal")
    };
    let why = refused(|settings| settings.tls.authorities = Some("/no/such/file".into())).await;
    assert!(why.contains("/no/such/file cannot be read"), "{why}");
    let file = Credentials::File(providers::Secret::new("nonsense"));
    let nonsense = Settings { credentials: file, ..settings(&server) };
    let why = Nats::connect(nonsense, DATABASE).await.err().expect("a refusal");
    assert!(why.contains("credentials of NATS cannot be read"), "{why}");
    // An unreachable server does not prevent the start.
    Nats::connect(Settings::new(vec!["nats://127.0.0.1:1".to_owned()]), DATABASE).await.unwrap();
}

#[tokio::test]
async fn a_stream_of_another_database_makes_it_unfit_until_that_is_mended() {
    let server = server(Options::default());
    let others = Nats::connect(settings(&server), uuid::Uuid::from_u128(0x07e5)).await.unwrap();
    connected(&others).await;
    assert_eq!(publish(&others, &[message(1, 1)]).await, [true]);
    assert_eq!(others.unfit(), None);
    let nats = connect(settings(&server)).await;
    assert_eq!(nats.unfit(), None, "it was not checked yet");
    assert_eq!(publish(&nats, &[message(2, 1)]).await, [false]);
    let why = nats.unfit().expect("the stream is another's");
    assert!(why.contains("give this database a stream of its own"), "{why}");
    delete_stream(&server).await;
    assert_eq!(publish(&nats, &[message(2, 1)]).await, [true]);
    assert_eq!(nats.unfit(), None);
}
