//! The floor of a retry budget for all processes: one token bucket per budget, kept in Redis by the
//! clock of Redis, so that it is not multiplied by the number of processes.
//!
//! A lost bucket (flushed, evicted, another Redis) is full again: this allows the floor once more,
//! never more than that. A full bucket may be forgotten, and expires after the time that it takes
//! to fill.

use std::pin::Pin;
use std::sync::Arc;

use redis::pipe;
use resilience::budget::{FloorSource, FloorUnavailable, Settings};

use super::entry::Names;
use super::link::Link;

/// Arguments: tokens per second, most tokens saved, tokens wanted, and the lifetime of the bucket.
///
/// A clock that goes back (a failover) neither adds nor removes tokens.
const TAKE: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local rate, most, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tokens = most
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
if kept[1] and kept[2] then
    local passed = math.max(0, now - tonumber(kept[2]))
    tokens = math.min(most, tonumber(kept[1]) + passed * rate / 1000000)
end
local taken = math.min(wanted, math.floor(tokens))
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens - taken), 'at', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return taken
";

pub struct Floors {
    link: Link,
    names: Arc<Names>,
}

impl Floors {
    pub fn new(link: Link, names: Arc<Names>) -> Floors {
        Floors { link, names }
    }

    async fn of(&self, budget: &str, settings: &Settings, wanted: u32) -> Result<u32, FloorUnavailable> {
        let most = settings.floor_saved_max();
        if most < 1.0 {
            return Ok(0);
        }
        let fills_in_ms = (most / settings.floor_per_second * 1_000.0).ceil() as u64 + 1_000;
        let mut commands = pipe();
        let script = commands.cmd("EVAL").arg(TAKE).arg(1).arg(self.names.floor(budget));
        script.arg(settings.floor_per_second).arg(most).arg(wanted).arg(fills_in_ms);
        let (taken,): (u32,) = self.link.run(&commands).await.map_err(|_| FloorUnavailable)?;
        Ok(taken.min(wanted))
    }
}

impl FloorSource for Floors {
    fn take<'a>(
        &'a self,
        budget: &'a str,
        settings: &'a Settings,
        wanted: u32,
    ) -> Pin<Box<dyn Future<Output = Result<u32, FloorUnavailable>> + Send + 'a>> {
        Box::pin(self.of(budget, settings, wanted))
    }
}
