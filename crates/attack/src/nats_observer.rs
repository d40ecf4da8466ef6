//! A client of NATS that is none of the program's: how much is in hand, and what the stream keeps, when.
//!
//! It speaks the protocol by hand. It is lines, and the program's own client might see what the program
//! wants to see.
//!
//! Sources: NATS' manual, "NATS Client Protocol", "JetStream wire API Reference"; ADR-15 for the tokens of
//! an acknowledgement's subject.

use std::time::Duration;

use domain::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use uuid::Uuid;

use super::{Deployment, Error, ScenarioContext};

/// For one answer, or the next message.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The program's durable consumer.
const DURABLE: &str = "surehold";
/// Where our answers go.
const ANSWERS: &str = "witness.answers";
const MESSAGES: &str = "witness.messages";

pub struct NatsObserver {
    stream: BufReader<TcpStream>,
    /// The name of the stream that is watched.
    name: String,
}

/// A message that the stream keeps.
#[derive(Clone, Debug)]
pub struct StreamMessage {
    pub sequence: u64,
    /// When the server took it, by its own clock.
    pub at: Timestamp,
    pub message: Uuid,
    pub subject: Uuid,
    /// Its place among its subject's.
    pub seq: i64,
}

/// What came over the wire for us.
struct Frame {
    subject: String,
    reply: String,
    payload: Vec<u8>,
}

#[derive(Deserialize)]
struct Envelope {
    id: Uuid,
    subject_id: Uuid,
    seq: i64,
}

fn unreadable(what: &str) -> Error {
    Error::Unreadable("NATS".to_owned(), what.to_owned())
}

impl NatsObserver {
    pub async fn of(port: u16, stream: &str) -> Result<NatsObserver, Error> {
        let connection = TcpStream::connect(("127.0.0.1", port)).await?;
        let mut witness = NatsObserver { stream: BufReader::new(connection), name: stream.to_owned() };
        let greeting = "CONNECT {\"verbose\":false,\"headers\":true}\r\n";
        witness.say(&format!("{greeting}SUB {ANSWERS} 1\r\nSUB {MESSAGES} 2\r\n")).await?;
        Ok(witness)
    }

    /// Observes the stream of a scenario's deployment.
    pub async fn beside(context: &ScenarioContext, deployment: &Deployment) -> Result<NatsObserver, Error> {
        let port = deployment.nats(|nats| Ok(nats.port())).await?;
        NatsObserver::of(port, &context.stream()).await
    }

    /// Messages that were delivered to the program and not acknowledged yet.
    pub async fn in_hand(&mut self) -> Result<u64, Error> {
        let subject = format!("$JS.API.CONSUMER.INFO.{}.{DURABLE}", self.name);
        let told = self.ask(&subject, &Value::Null).await?;
        told["num_ack_pending"].as_u64().ok_or_else(|| unreadable(&told.to_string()))
    }

    /// What NATS says of the stream and of the program's consumer, in its own words.
    pub async fn says(&mut self) -> Result<String, Error> {
        let (stream, consumer) =
            (format!("STREAM.INFO.{}", self.name), format!("CONSUMER.INFO.{}.{DURABLE}", self.name));
        let stream = self.ask(&format!("$JS.API.{stream}"), &Value::Null).await?;
        let consumer = self.ask(&format!("$JS.API.{consumer}"), &Value::Null).await?;
        Ok(format!("NATS has of the stream {}, and of the consumer {consumer}", stream["state"]))
    }

    /// All that the stream keeps, in its order.
    pub async fn kept(&mut self) -> Result<Vec<StreamMessage>, Error> {
        let config = json!({
            "deliver_subject": MESSAGES, "deliver_policy": "all", "ack_policy": "none",
            "replay_policy": "instant",
        });
        let create = json!({ "stream_name": self.name, "config": config });
        let subject = format!("$JS.API.CONSUMER.CREATE.{}", self.name);
        self.say_to(&subject, &create.to_string()).await?;
        let (mut kept, mut begun) = (Vec::new(), false);
        loop {
            // Messages may overtake the word that they will come.
            let frame = self.frame().await?;
            if frame.subject == ANSWERS {
                let told: Value =
                    serde_json::from_slice(&frame.payload).map_err(|error| unreadable(&error.to_string()))?;
                if let Some(error) = told.get("error") {
                    return Err(unreadable(&error.to_string()));
                }
                if told["num_pending"] == 0 && told["delivered"]["stream_seq"] == 0 && kept.is_empty() {
                    return Ok(kept);
                }
                begun = true;
                continue;
            }
            let (message, pending) = read(&frame)?;
            kept.push(message);
            if pending == 0 {
                if !begun {
                    self.frame().await?;
                }
                return Ok(kept);
            }
        }
    }

    async fn ask(&mut self, subject: &str, question: &Value) -> Result<Value, Error> {
        let question = if question.is_null() { String::new() } else { question.to_string() };
        self.say_to(subject, &question).await?;
        let answer = self.frame().await?.payload;
        serde_json::from_slice(&answer).map_err(|error| unreadable(&error.to_string()))
    }

    async fn say_to(&mut self, subject: &str, payload: &str) -> Result<(), Error> {
        self.say(&format!("PUB {subject} {ANSWERS} {}\r\n{payload}\r\n", payload.len())).await
    }

    async fn say(&mut self, words: &str) -> Result<(), Error> {
        Ok(self.stream.get_mut().write_all(words.as_bytes()).await?)
    }

    async fn frame(&mut self) -> Result<Frame, Error> {
        tokio::time::timeout(ANSWER_WITHIN, self.next()).await.map_err(|_| unreadable("no answer"))?
    }

    async fn next(&mut self) -> Result<Frame, Error> {
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).await?;
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["PING"] => self.say("PONG\r\n").await?,
                ["MSG", subject, _, .., bytes] => {
                    let reply = if words.len() == 5 { words[3] } else { "" };
                    return self.body(subject, reply, "0", bytes).await;
                }
                ["HMSG", subject, _, .., headers, bytes] => {
                    let reply = if words.len() == 6 { words[3] } else { "" };
                    return self.body(subject, reply, headers, bytes).await;
                }
                [] => return Err(unreadable("the connection has ended")),
                ["-ERR", ..] => return Err(unreadable(&line)),
                _ => {}
            }
        }
    }

    /// `headers` of the `bytes` are no payload.
    async fn body(&mut self, subject: &str, reply: &str, headers: &str, bytes: &str) -> Result<Frame, Error> {
        let (Ok(headers), Ok(bytes)) = (headers.parse::<usize>(), bytes.parse::<usize>()) else {
            return Err(unreadable("a length"));
        };
        let mut all = vec![0; bytes + 2];
        self.stream.read_exact(&mut all).await?;
        let payload = all.get(headers..bytes).ok_or_else(|| unreadable("a length"))?.to_vec();
        Ok(Frame { subject: subject.to_owned(), reply: reply.to_owned(), payload })
    }
}

/// The message, and how many are still to come.
fn read(frame: &Frame) -> Result<(StreamMessage, u64), Error> {
    let wrong = || unreadable(&format!("a message's tokens: {}", frame.reply));
    // $JS.ACK.STREAM.CONSUMER.DELIVERED.STREAM_SEQUENCE.CONSUMER_SEQUENCE.NANOSECONDS.PENDING
    let tokens: Vec<&str> = frame.reply.split('.').collect();
    let [_, _, _, _, _, sequence, _, nanoseconds, pending] = tokens[..] else { return Err(wrong()) };
    let number = |token: &str| token.parse::<u64>().map_err(|_| wrong());
    let micros = i64::try_from(number(nanoseconds)? / 1_000).map_err(|_| wrong())?;
    let envelope: Envelope =
        serde_json::from_slice(&frame.payload).map_err(|error| unreadable(&error.to_string()))?;
    let Envelope { id, subject_id, seq } = envelope;
    let kept = StreamMessage {
        sequence: number(sequence)?,
        at: Timestamp(micros),
        message: id,
        subject: subject_id,
        seq,
    };
    Ok((kept, number(pending)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_with_the_servers_own_account_of_it() {
        let (id, subject) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let payload = json!({ "id": id, "subject_id": subject, "seq": 3, "data": {} }).to_string();
        let frame = |reply: &str| Frame {
            subject: MESSAGES.to_owned(),
            reply: reply.to_owned(),
            payload: payload.clone().into_bytes(),
        };
        let (kept, pending) = read(&frame("$JS.ACK.a1-9.abc.1.70.12.1700000000123456789.5")).unwrap();
        assert_eq!((kept.sequence, kept.seq, pending), (70, 3, 5));
        assert_eq!((kept.message, kept.subject), (id, subject));
        assert_eq!(kept.at, Timestamp(1_700_000_000_123_456));
        assert!(read(&frame("$JS.ACK.a1-9.abc.1.70.12")).is_err());
        assert!(read(&frame("$JS.ACK.a1-9.abc.1.x.12.1.0")).is_err());
    }
}
