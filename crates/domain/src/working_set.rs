//! Facts in, changes out: how a command meets the rows it decides on.
//!
//! Each table is described once, with [`row!`](crate::row): its columns, its key, and which columns
//! guard an update. A [`Command`] says which rows it `needs` and decides purely over the
//! [`Facts`](crate::rows::Facts);
//! it returns the rows as they should be ([`Changes`](crate::rows::Changes)) and its reply, and never touches the facts,
//! so a refusal leaves nothing behind by construction. The store does the rest for a whole batch:
//!
//! | phase | who | what |
//! |---|---|---|
//! | needs | every command, asked again before each table | ids, children first |
//! | load | store | rows by id, locked in id order |
//! | decide | every command, one after another | the second sees what the first changed |
//! | write | store | inserts, guarded updates and removals, as sets, parents first |
//! | commit | store | once; only then is anyone answered |
//!
//! What must never be here: SQL, and anything that knows which engine it runs on.

mod column;
mod command;
mod rows;
mod unknown;

pub use column::{Column, ColumnMismatch, Json, Kind, Value};
pub use command::{Claim, Command, Context, Decision, DecisionResult, LateReply, ReplyTiming};
pub use rows::{
    ColumnDescription, ColumnUpdate, Removal, Role, Row, Rows, Table, TableWrite, Unreadable, Update,
};

/// Describes a table: `key` is its id, `fixed` columns never change after the insert, `guard`
/// columns change and must still be as they were loaded, `moves` columns change freely. In a table of `owned`
/// rows `owner` names the row by which they are found, in whose lock they are read and changed. `side_effects`
/// names the function that says what a change of the row sets going.
#[macro_export]
macro_rules! row {
    (
        $(#[$doc:meta])*
        $name:ident in $table:literal as $role:ident $(, side_effects $side_effects:path)? {
            $(#[$keydoc:meta])* key $key:ident : $keyty:ty,
            $( $(#[$fielddoc:meta])* $part:ident $field:ident : $ty:ty ),* $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $(#[$keydoc])* pub $key: $keyty,
            $( $(#[$fielddoc])* pub $field: $ty, )*
        }

        impl $crate::working_set::Row for $name {
            type Id = $keyty;
            const TABLE: &'static $crate::working_set::Table = &$crate::working_set::Table {
                name: $table,
                role: $crate::row!(@role $role),
                columns: &[
                    $crate::working_set::ColumnDescription {
                        name: stringify!($key),
                        kind: <$keyty as $crate::working_set::Column>::KIND,
                        nullable: false,
                        json: false,
                        part: $crate::working_set::ColumnUpdate::Key,
                    },
                    $( $crate::working_set::ColumnDescription {
                        name: stringify!($field),
                        kind: <$ty as $crate::working_set::Column>::KIND,
                        nullable: <$ty as $crate::working_set::Column>::NULLABLE,
                        json: <$ty as $crate::working_set::Column>::JSON,
                        part: $crate::row!(@part $part),
                    }, )*
                ],
            };

            fn id(&self) -> $keyty {
                self.$key
            }

            fn owner(&self) -> Option<uuid::Uuid> {
                None $( .or($crate::row!(@owner $part self.$field)) )*
            }

            $( fn side_effects(
                before: Option<&Self>,
                after: &Self,
                effects: &mut $crate::side_effects::SideEffects,
            ) {
                $side_effects(before, after, effects);
            } )?

            fn values(&self) -> alloc::vec::Vec<$crate::working_set::Value<'_>> {
                alloc::vec![
                    $crate::working_set::Column::write(&self.$key),
                    $( $crate::working_set::Column::write(&self.$field), )*
                ]
            }

            fn read(
                values: alloc::vec::Vec<$crate::working_set::Value<'static>>,
            ) -> Result<Self, $crate::working_set::ColumnMismatch> {
                let mut values = values.into_iter();
                Ok($name {
                    $key: $crate::working_set::ColumnMismatch::column($table, stringify!($key), values.next())?,
                    $( $field: $crate::working_set::ColumnMismatch::column(
                        $table, stringify!($field), values.next())?, )*
                })
            }
        }
    };
    (@role lock) => { $crate::working_set::Role::Lock };
    (@role read) => { $crate::working_set::Role::Read };
    (@role append) => { $crate::working_set::Role::Append };
    (@role owned) => { $crate::working_set::Role::Owned };
    (@part fixed) => { $crate::working_set::ColumnUpdate::Fixed };
    (@part guard) => { $crate::working_set::ColumnUpdate::Guard };
    (@part moves) => { $crate::working_set::ColumnUpdate::Moves };
    (@part owner) => { $crate::working_set::ColumnUpdate::Owner };
    (@owner owner $id:expr) => { Some(uuid::Uuid::from($id)) };
    (@owner $other:ident $id:expr) => { None };
}

/// Lists the tables, parents first, and owned rows right behind their owners. They are WRITTEN in this order
/// and LOCKED IN THE REVERSE, so that what names comes before what is named, and the hottest row is locked
/// last. Owned rows are not locked, and are read right after their owners.
#[macro_export]
macro_rules! working_set {
    ($( $table:ident $one:ident : $row:ident $(of $owner:ident)? ),+ $(,)?) => {
        /// A table of the working set.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(non_camel_case_types, reason = "a variant is spelled as its table")]
        pub enum TableName { $( $table ),+ }

        impl TableName {
            /// Parents first.
            pub const WRITE_ORDER: &'static [TableName] = &[ $( TableName::$table ),+ ];

            /// What names before what is named; owned rows right after their owners.
            pub fn lock_order() -> impl Iterator<Item = TableName> {
                let is_owned = |_: &TableName, next: &TableName| {
                    next.description().role == $crate::working_set::Role::Owned
                };
                TableName::WRITE_ORDER.chunk_by(is_owned).rev().flatten().copied()
            }

            pub fn description(self) -> &'static $crate::working_set::Table {
                match self { $( TableName::$table => <$row as $crate::working_set::Row>::TABLE ),+ }
            }
        }

        /// The rows that a batch has read, as they stand after the commands decided so far.
        #[derive(Default)]
        pub struct Facts {
            $( pub $table: $crate::working_set::Rows<$row>, )+
            side_effects: $crate::side_effects::SideEffects,
        }

        impl Facts {
            /// Takes in what the store loaded: `ids` were asked for, `rows` are those that exist. Answers
            /// with those that could not be read: whoever asked for one cannot go on.
            pub fn loaded(
                &mut self,
                table: TableName,
                ids: &[uuid::Uuid],
                rows: alloc::vec::Vec<alloc::vec::Vec<$crate::working_set::Value<'static>>>,
            ) -> alloc::vec::Vec<$crate::working_set::Unreadable> {
                match table { $( TableName::$table => self.$table.loaded(ids, rows) ),+ }
            }

            /// Whether an id was asked for before, be there a row or not.
            pub fn knows(&self, table: TableName, id: uuid::Uuid) -> bool {
                match table { $( TableName::$table => self.$table.knows(id) ),+ }
            }

            /// Takes over one command's changes. An error is a command that put one row twice: a bug,
            /// and nothing of it was applied. A row that is not there is not removed.
            pub fn apply(&mut self, changes: Changes) -> Result<(), &'static str> {
                $( $crate::working_set::Rows::check(&changes.$table)?; )+
                $( self.$table.apply(changes.$table, &mut self.side_effects); )+
                for (table, id) in changes.removed {
                    match table { $( TableName::$table => self.$table.remove(id) ),+ };
                }
                Ok(())
            }

            /// What the changes so far set going.
            pub fn side_effects(&self) -> &$crate::side_effects::SideEffects {
                &self.side_effects
            }

            /// What the batch changed, parents first.
            pub fn writes(&self) -> alloc::vec::Vec<$crate::working_set::TableWrite<'_>> {
                let mut writes = alloc::vec::Vec::new();
                $( if let Some(write) = self.$table.write() { writes.push(write); } )+
                writes
            }
        }

        /// The rows as one command wants them.
        #[derive(Default, Debug)]
        pub struct Changes {
            $( pub $table: alloc::vec::Vec<$row>, )+
            pub removed: alloc::vec::Vec<(TableName, uuid::Uuid)>,
        }

        impl Changes {
            /// Lets a row go. The command must have needed it.
            pub fn remove<R: $crate::rows::Removable>(&mut self, id: R::Id) {
                $( if <$row as $crate::working_set::Row>::TABLE.name == R::TABLE.name {
                    self.removed.push((TableName::$table, id.into()));
                } )+
            }
        }

        $( impl $crate::rows::Put<$row> for Changes {
            fn put(&mut self, row: $row) {
                self.$table.push(row);
            }
        } )+

        /// Collects the ids that a batch still has to load, and shows what is there already.
        pub struct Needs<'facts> {
            facts: &'facts Facts,
            wanted: [alloc::vec::Vec<uuid::Uuid>; TableName::WRITE_ORDER.len()],
        }

        impl<'facts> Needs<'facts> {
            pub fn new(facts: &'facts Facts) -> Needs<'facts> {
                Needs { facts, wanted: Default::default() }
            }

            /// The ids that are wanted and not yet known, sorted, each once.
            pub fn wanted(&mut self, table: TableName) -> alloc::vec::Vec<uuid::Uuid> {
                let mut ids = core::mem::take(&mut self.wanted[table as usize]);
                ids.sort_unstable();
                ids.dedup();
                ids
            }

            /// How much was asked for and not known yet, repetitions included.
            pub fn asked(&self) -> usize {
                self.wanted.iter().map(alloc::vec::Vec::len).sum()
            }

            $( $crate::working_set! { @needs $table $one $row $($owner)? } )+
        }
    };
    (@needs $table:ident $one:ident $row:ident) => {
        /// Asks for the row; `None` until it is loaded, and forever if there is none.
        pub fn $one(&mut self, id: <$row as $crate::working_set::Row>::Id) -> Option<&'facts $row> {
            let uuid: uuid::Uuid = id.into();
            if self.facts.$table.knows(uuid) {
                return self.facts.$table.get(id);
            }
            self.wanted[TableName::$table as usize].push(uuid);
            None
        }
    };
    (@needs $table:ident $one:ident $row:ident $owner:ident) => {
        /// Asks for the rows that this one owns; `None` until they are loaded. Whoever asks for them asks for
        /// their owner, too: its lock keeps them still.
        pub fn $table(
            &mut self,
            owner: <$owner as $crate::working_set::Row>::Id,
        ) -> Option<impl Iterator<Item = &'facts $row> + use<'facts>> {
            let uuid: uuid::Uuid = owner.into();
            if self.facts.$table.knows(uuid) {
                return Some(self.facts.$table.owned_by(uuid));
            }
            self.wanted[TableName::$table as usize].push(uuid);
            None
        }
    };
}
