//! The load generator: one thread, one epoll loop, requests that are patched rather than built.
//!
//! It shares two cores with the server that it measures, so what it costs is taken from the result.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use it::Result;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::answer::Scanner;

/// How long the last answers may take after the phase is over.
const DRAIN_LIMIT: Duration = Duration::from_secs(15);
/// The longest time between two looks at the schedule of a paced phase.
const TICK: Duration = Duration::from_millis(1);
const READ_BYTES: usize = 16 * 1024;

/// What to send and where.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub address: SocketAddr,
    /// One complete request.
    pub request: Vec<u8>,
    /// Where a token stands in the request, and the tokens to put there; all have one length.
    pub tokens: Option<(usize, Vec<String>)>,
}

/// When the next request is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// As soon as the connection has its answer.
    Closed,
    /// So many a second over all connections, whatever the server does; time is taken from the planned moment, so
    /// a server that stalls is charged for everybody who would have waited.
    Open(f64),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub connections: usize,
    pub pace: Pace,
    /// Not counted.
    pub warm_up: Duration,
    pub measured: Duration,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Answers 200 of the whole phase, warm-up and drain included: what the ledger must show.
    pub acknowledged: u64,
    /// Other answers of the whole phase.
    pub refused: u64,
    /// Answers 200 within the measured time.
    pub counted: u64,
    pub measured: Duration,
    /// Microseconds.
    pub latency: Histogram<u64>,
}

impl Outcome {
    pub(crate) fn rate(&self) -> f64 {
        self.counted as f64 / self.measured.as_secs_f64()
    }

    pub(crate) fn quantile_ms(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1000.0
    }
}

struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    /// An answer that came in pieces.
    partial: Vec<u8>,
    since: Instant,
}

/// Runs one phase to its end: every request that was sent has been answered.
///
/// # Errors
/// A connection failed, or the server left requests without an answer.
pub(crate) fn run(target: &Target, plan: &Plan) -> Result<Outcome> {
    run_while(target, plan, || true)
}

/// The same, ended earlier as soon as `is_wanted` says no.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_while(target: &Target, plan: &Plan, is_wanted: impl Fn() -> bool) -> Result<Outcome> {
    Generator::connect(target, plan)?.run(is_wanted)
}

struct Generator<'a> {
    target: &'a Target,
    plan: &'a Plan,
    poll: Poll,
    connections: Vec<Connection>,
    idle: VecDeque<usize>,
    scanner: Scanner,
    buffer: Vec<u8>,
    outcome: Outcome,
    start: Instant,
    sent: u64,
    next_token: usize,
}

impl<'a> Generator<'a> {
    #[expect(clippy::disallowed_methods, reason = "a load generator measures time")]
    fn connect(target: &'a Target, plan: &'a Plan) -> Result<Self> {
        let poll = Poll::new()?;
        let start = Instant::now();
        let mut connections = Vec::with_capacity(plan.connections);
        for index in 0..plan.connections {
            let stream = std::net::TcpStream::connect(target.address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
            connections.push(Connection {
                stream,
                request: target.request.clone(),
                partial: Vec::new(),
                since: start,
            });
        }
        Ok(Self {
            target,
            plan,
            poll,
            idle: (0..connections.len()).collect(),
            connections,
            scanner: Scanner::new(),
            buffer: vec![0; READ_BYTES],
            outcome: Outcome {
                acknowledged: 0,
                refused: 0,
                counted: 0,
                measured: plan.measured,
                latency: Histogram::new_with_bounds(1, 60_000_000, 3)?,
            },
            start,
            sent: 0,
            next_token: 0,
        })
    }

    #[expect(clippy::disallowed_methods, reason = "a load generator measures time")]
    fn run(mut self, is_wanted: impl Fn() -> bool) -> Result<Outcome> {
        self.start = Instant::now();
        let mut end = self.start + self.plan.warm_up + self.plan.measured;
        let mut events = Events::with_capacity(1024);
        loop {
            let now = Instant::now();
            if now < end && !is_wanted() {
                end = now;
                self.outcome.measured = now.saturating_duration_since(self.start + self.plan.warm_up);
            }
            let sending = now < end;
            if sending {
                self.send_what_is_due(now)?;
            } else if self.idle.len() == self.connections.len() {
                return Ok(self.outcome);
            } else if now > end + DRAIN_LIMIT {
                let left = self.connections.len() - self.idle.len();
                return Err(
                    format!("{left} requests have no answer after {} s", DRAIN_LIMIT.as_secs()).into()
                );
            }
            let paced = matches!(self.plan.pace, Pace::Open(_));
            let wait = if paced && sending { TICK } else { Duration::from_millis(100) };
            if let Err(error) = self.poll.poll(&mut events, Some(wait))
                && error.kind() != ErrorKind::Interrupted
            {
                return Err(error.into());
            }
            for event in &events {
                self.receive(event.token().0, end)?;
            }
        }
    }

    fn send_what_is_due(&mut self, now: Instant) -> Result<()> {
        match self.plan.pace {
            Pace::Closed => {
                while let Some(index) = self.idle.pop_front() {
                    self.send(index, now)?;
                }
            }
            Pace::Open(rate) => {
                while let Some(planned) = self.planned(rate).filter(|planned| *planned <= now) {
                    let Some(index) = self.idle.pop_front() else { break };
                    self.send(index, planned)?;
                }
            }
        }
        Ok(())
    }

    fn planned(&self, rate: f64) -> Option<Instant> {
        self.start.checked_add(Duration::from_secs_f64(self.sent as f64 / rate))
    }

    fn send(&mut self, index: usize, since: Instant) -> Result<()> {
        let connection = &mut self.connections[index];
        if let Some((position, tokens)) = &self.target.tokens {
            let token = &tokens[self.next_token];
            // A step that shares no factor with the usual counts visits all accounts in a scattered order.
            self.next_token = (self.next_token + 7919) % tokens.len();
            connection.request[*position..*position + token.len()].copy_from_slice(token.as_bytes());
        }
        connection.since = since;
        self.sent += 1;
        // A request is far smaller than a socket buffer that is empty, so it is written whole or something broke.
        let written = connection.stream.write(&connection.request)?;
        if written == connection.request.len() { Ok(()) } else { Err("a request was cut short".into()) }
    }

    #[expect(clippy::disallowed_methods, reason = "a load generator measures time")]
    fn receive(&mut self, index: usize, end: Instant) -> Result<()> {
        loop {
            let connection = &mut self.connections[index];
            let count = match connection.stream.read(&mut self.buffer) {
                Ok(0) => return Err("the server closed a connection".into()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let bytes = if connection.partial.is_empty() {
                &self.buffer[..count]
            } else {
                connection.partial.extend_from_slice(&self.buffer[..count]);
                &connection.partial[..]
            };
            let Some(answer) = self.scanner.scan(bytes)? else {
                if connection.partial.is_empty() {
                    connection.partial.extend_from_slice(&self.buffer[..count]);
                }
                continue;
            };
            if answer.bytes != bytes.len() {
                return Err("the server sent more than one answer to one request".into());
            }
            connection.partial.clear();
            let since = connection.since;
            let now = Instant::now();
            self.note(answer.status, since, now, end);
            if matches!(self.plan.pace, Pace::Closed) && now < end {
                self.send(index, now)?;
            } else {
                self.idle.push_back(index);
            }
            // A read that did not fill the buffer has emptied the socket.
            if count < READ_BYTES {
                return Ok(());
            }
        }
    }

    fn note(&mut self, status: u16, since: Instant, now: Instant, end: Instant) {
        if status != 200 {
            self.outcome.refused += 1;
            return;
        }
        self.outcome.acknowledged += 1;
        // A paced request that was planned in time counts however late its answer is: a stall must show.
        let in_time = matches!(self.plan.pace, Pace::Open(_)) || now < end;
        if since >= self.start + self.plan.warm_up && in_time {
            self.outcome.counted += 1;
            let micros = u64::try_from((now - since).as_micros()).unwrap_or(u64::MAX);
            self.outcome.latency.saturating_record(micros.max(1));
        }
    }
}
