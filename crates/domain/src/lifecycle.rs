//! Lifecycles: the states, and the moves between them.
//!
//! Each is a `const` table of rows (from, on, to, effects). A [`Step`] is the only way to another state: a
//! [`CurrentState`] cannot be made from a bare state, so a move without a row cannot be written.
//!
//! | a step from | how |
//! |---|---|
//! | a state that may be the wrong one | [`CurrentState::step`], or `require` for a refusal, among the refusals of a command |
//! | a state that a `match` or `is` has just shown | the function `step` of the lifecycle, in a constant: a missing row is a compile error |
//!
//! The same tables draw `docs/lifecycles.md` and drive the tests of every state with every event.
//! The compiler checks that no two rows share (from, on) and that ranks never fall.

use alloc::string::String;
use core::fmt::{self, Debug, Write as _};
use core::ops::Deref;

use crate::refusal::Refusal;

pub mod attempt;
pub mod booking;
pub mod booking_item;
pub mod delivery;
pub mod difference;
pub mod dispute;
pub mod dispute_evidence;
pub mod inbound_event;
pub mod job;
pub mod payment;
pub mod payout;
pub mod reconciliation;
pub mod refund;
pub mod release;
pub mod review;

/// What a move of a booking does to its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Held seats become sold seats.
    SellSeats,
    /// Held seats go back to the slot.
    ReleaseSeats,
    /// Sold seats go back to the slot.
    ReturnSeats,
    /// Released seats are taken again, as sold seats.
    RetakeSeats,
}

/// One row of a lifecycle.
#[derive(Debug)]
pub struct Transition<S: 'static, E: 'static> {
    pub from: S,
    pub on: E,
    pub to: S,
    pub effects: &'static [Effect],
}

/// A state of a lifecycle that has a table.
pub trait State: Copy + Eq + Debug + 'static {
    type Event: Copy + Eq + Debug + 'static;
    const NAME: &'static str;
    const ALL: &'static [Self];
    const EVENTS: &'static [Self::Event];
    const TABLE: &'static [Transition<Self, Self::Event>];
    /// The first state.
    const INITIAL: Self;
    fn name(&self) -> &'static str;
    fn rank(&self) -> u8;
    fn event_name(event: Self::Event) -> &'static str;

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.name() == name)
    }

    /// Whether no row leads out of this state.
    fn is_final(&self) -> bool {
        Self::TABLE.iter().all(|row| row.from != *self)
    }
}

/// The state of one row. It is made only at the start of a lifecycle, from a [`Step`], or by the
/// store from the state that an earlier step wrote.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CurrentState<S>(S);

/// A move that the table allows.
#[derive(Clone, Copy, Debug)]
pub struct Step<S: State> {
    row: &'static Transition<S, S::Event>,
}

impl<S: State> Step<S> {
    /// For the function `step` of each lifecycle.
    pub(crate) const fn of_row(row: &'static Transition<S, S::Event>) -> Step<S> {
        Step { row }
    }

    pub fn to(&self) -> CurrentState<S> {
        CurrentState(self.row.to)
    }
    pub fn from(&self) -> S {
        self.row.from
    }
    pub fn on(&self) -> S::Event {
        self.row.on
    }
    pub fn effects(&self) -> &'static [Effect] {
        self.row.effects
    }
}

impl<S: State> CurrentState<S> {
    pub const fn start() -> CurrentState<S> {
        CurrentState(S::INITIAL)
    }

    /// The move, if the table has it.
    pub fn step(self, event: S::Event) -> Option<Step<S>> {
        S::TABLE.iter().find(|row| row.from == self.0 && row.on == event).map(|row| Step { row })
    }

    /// The move, or the refusal of a command for which this is the wrong state.
    pub fn require(self, event: S::Event) -> Result<Step<S>, Refusal> {
        self.step(event).ok_or_else(|| Refusal::of_state(self, event))
    }

    pub fn is(self, state: S) -> bool {
        self.0 == state
    }
}

impl<S> Deref for CurrentState<S> {
    type Target = S;
    fn deref(&self) -> &S {
        &self.0
    }
}

impl<S: Debug> Debug for CurrentState<S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl<S: State> crate::working_set::Column for CurrentState<S> {
    const KIND: crate::working_set::Kind = crate::working_set::Kind::Text;
    fn write(&self) -> crate::working_set::Value<'_> {
        crate::working_set::Value::Text(alloc::borrow::Cow::Borrowed(self.0.name()))
    }
    fn read(value: crate::working_set::Value<'static>) -> Option<Self> {
        S::from_name(value.text()?.as_ref()).map(CurrentState)
    }
}

/// Defines a lifecycle: states with their ranks, events, and the rows.
#[macro_export]
macro_rules! lifecycle {
    (
        $(#[$doc:meta])* $title:literal, ranked: $ranked:literal;
        states { $( $(#[$sdoc:meta])* $state:ident = $sname:literal ($rank:literal) ),+ $(,)? }
        events { $( $(#[$edoc:meta])* $event:ident = $ename:literal ),+ $(,)? }
        starts $initial:ident;
        rows { $( $from:ident + $on:ident => $to:ident $([ $($effect:ident),+ ])? ),+ $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum State { $( $(#[$sdoc])* $state ),+ }

        /// What can happen to it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Event { $( $(#[$edoc])* $event ),+ }

        impl State {
            const fn const_rank(self) -> u8 {
                match self { $( State::$state => $rank ),+ }
            }
        }

        /// The step from a state, for the arm of a `match` on the state of a row. Call it in a constant: then
        /// the compiler refuses a step that the table does not have.
        pub const fn step(from: State, on: Event) -> $crate::lifecycle::Step<State> {
            let rows = <State as $crate::lifecycle::State>::TABLE;
            let mut i = 0;
            while i < rows.len() {
                if rows[i].from as u8 == from as u8 && rows[i].on as u8 == on as u8 {
                    return $crate::lifecycle::Step::of_row(&rows[i]);
                }
                i += 1;
            }
            panic!("the lifecycle has no such step")
        }

        impl $crate::lifecycle::State for State {
            type Event = Event;
            const NAME: &'static str = $title;
            const ALL: &'static [State] = &[ $( State::$state ),+ ];
            const EVENTS: &'static [Event] = &[ $( Event::$event ),+ ];
            const TABLE: &'static [$crate::lifecycle::Transition<State, Event>] = &[ $(
                $crate::lifecycle::Transition {
                    from: State::$from,
                    on: Event::$on,
                    to: State::$to,
                    effects: &[ $( $( $crate::lifecycle::Effect::$effect ),+ )? ],
                }
            ),+ ];
            const INITIAL: State = State::$initial;
            fn name(&self) -> &'static str {
                match self { $( State::$state => $sname ),+ }
            }
            fn rank(&self) -> u8 {
                self.const_rank()
            }
            fn event_name(event: Event) -> &'static str {
                match event { $( Event::$event => $ename ),+ }
            }
        }

        // The compiler checks that a pair of state and event has one row, and that no row lowers the rank.
        const _: () = {
            let rows = <State as $crate::lifecycle::State>::TABLE;
            let mut i = 0;
            while i < rows.len() {
                assert!(
                    !$ranked || rows[i].from.const_rank() <= rows[i].to.const_rank(),
                    "a lifecycle only moves forward"
                );
                let mut j = i + 1;
                while j < rows.len() {
                    assert!(
                        rows[i].from as u8 != rows[j].from as u8 || rows[i].on as u8 != rows[j].on as u8,
                        "one row per (state, event)"
                    );
                    j += 1;
                }
                i += 1;
            }
        };
    };
}

/// Draws a lifecycle as a Mermaid diagram with its table below, for the generated page.
pub fn page<S: State>() -> String {
    let mut out = String::new();
    let mut draw = || -> fmt::Result {
        writeln!(out, "## {}\n\n```mermaid\nstateDiagram-v2", title_case(S::NAME))?;
        writeln!(out, "    [*] --> {}", S::INITIAL.name())?;
        for row in S::TABLE {
            writeln!(out, "    {} --> {}: {}", row.from.name(), row.to.name(), S::event_name(row.on))?;
        }
        for state in S::ALL.iter().filter(|state| state.is_final()) {
            writeln!(out, "    {} --> [*]", state.name())?;
        }
        writeln!(out, "```\n\n| from | on | to | effects |\n|---|---|---|---|")?;
        for row in S::TABLE {
            let effects: alloc::vec::Vec<_> =
                row.effects.iter().map(|effect| alloc::format!("{effect:?}")).collect();
            writeln!(
                out,
                "| {} ({}) | {} | {} ({}) | {} |",
                row.from.name(),
                row.from.rank(),
                S::event_name(row.on),
                row.to.name(),
                row.to.rank(),
                effects.join(", ")
            )?;
        }
        writeln!(out)
    };
    draw().expect("a String takes whatever is written to it");
    out
}

fn title_case(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests;
