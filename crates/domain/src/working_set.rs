//! The working set: the rows that a command decides over, and its changes.
//!
//! Each table is described once, with [`row!`](crate::row): its columns, its key, and which columns
//! guard an update. A [`Command`] requests the rows that it `needs` and decides purely over the
//! [`Facts`](crate::rows::Facts); it returns the changed rows ([`Changes`](crate::rows::Changes))
//! and its reply, and never changes the facts, so that a refusal has no effect. The store does the
//! rest for a whole batch:
//!
//! | phase | who | what |
//! |---|---|---|
//! | needs | every command, called again before each table | ids, children first |
//! | load | store | rows by id, locked in id order |
//! | decide | every command, one after another | the second sees the changes of the first |
//! | write | store | inserts, guarded updates and removals, as sets, parents first |
//! | commit | store | once; the replies follow |
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
/// columns change and must still be as they were loaded, `moves` columns change freely. In a table
/// of `owned` rows `owner` names the row by which they are found, in whose lock they are read and
/// changed. `side_effects` names the function for the side effects of a change of the row.
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

/// Lists the tables, parents first, and owned rows right behind their owners. They are WRITTEN in
/// this order and LOCKED IN THE REVERSE order, so that a row is loaded before the rows that it
/// names, and the row with the most contention is locked last. Owned rows are not locked, and are
/// read right after their owners.
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

            /// Children before their parents; owned rows right after their owners.
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

        /// The rows that a batch has read, as the commands so far have changed them.
        #[derive(Default)]
        pub struct Facts {
            $( pub $table: $crate::working_set::Rows<$row>, )+
            side_effects: $crate::side_effects::SideEffects,
        }

        impl Facts {
            /// Adds the rows that the store loaded: `ids` were requested, `rows` exist. Returns the
            /// rows that could not be read: a command that needs one of them fails.
            pub fn loaded(
                &mut self,
                table: TableName,
                ids: &[uuid::Uuid],
                rows: alloc::vec::Vec<alloc::vec::Vec<$crate::working_set::Value<'static>>>,
            ) -> alloc::vec::Vec<$crate::working_set::Unreadable> {
                match table { $( TableName::$table => self.$table.loaded(ids, rows) ),+ }
            }

            /// Whether the id was requested before, with or without a row.
            pub fn knows(&self, table: TableName, id: uuid::Uuid) -> bool {
                match table { $( TableName::$table => self.$table.knows(id) ),+ }
            }

            /// Applies one command's changes. An error means that the command put one row twice,
            /// which is a bug: none of its changes were applied. The removal of a missing row does
            /// nothing.
            pub fn apply(&mut self, changes: Changes) -> Result<(), &'static str> {
                $( $crate::working_set::Rows::check(&changes.$table)?; )+
                $( self.$table.apply(changes.$table, &mut self.side_effects); )+
                for (table, id) in changes.removed {
                    match table { $( TableName::$table => self.$table.remove(id) ),+ };
                }
                Ok(())
            }

            /// The side effects of the changes so far.
            pub fn side_effects(&self) -> &$crate::side_effects::SideEffects {
                &self.side_effects
            }

            /// The changes of the batch, parents first.
            pub fn writes(&self) -> alloc::vec::Vec<$crate::working_set::TableWrite<'_>> {
                let mut writes = alloc::vec::Vec::new();
                $( if let Some(write) = self.$table.write() { writes.push(write); } )+
                writes
            }
        }

        /// The rows that one command changes.
        #[derive(Default, Debug)]
        pub struct Changes {
            $( pub $table: alloc::vec::Vec<$row>, )+
            pub removed: alloc::vec::Vec<(TableName, uuid::Uuid)>,
        }

        impl Changes {
            /// Deletes a row. The command must have needed it.
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

        /// Collects the ids that a batch still has to load, and returns the rows that are loaded already.
        pub struct Needs<'facts> {
            facts: &'facts Facts,
            wanted: [alloc::vec::Vec<uuid::Uuid>; TableName::WRITE_ORDER.len()],
            later: Option<TableName>,
        }

        impl<'facts> Needs<'facts> {
            pub fn new(facts: &'facts Facts) -> Needs<'facts> {
                Needs { facts, wanted: core::array::from_fn(|_| alloc::vec::Vec::new()), later: None }
            }

            /// Says that the rows requested so far may name rows of this table, or of a table after it in lock
            /// order, and of no other. So all tables before it can be loaded at once.
            pub fn later(&mut self, table: TableName) {
                // The order of locks is the reverse of that of the names.
                self.later = self.later.max(Some(table));
            }

            /// What was said since the last call.
            pub fn take_later(&mut self) -> Option<TableName> {
                self.later.take()
            }

            /// The ids that are requested and not loaded, sorted, each once.
            pub fn wanted(&mut self, table: TableName) -> alloc::vec::Vec<uuid::Uuid> {
                let mut ids = core::mem::take(&mut self.wanted[table as usize]);
                ids.sort_unstable();
                ids.dedup();
                ids
            }

            /// How many ids were requested and are not loaded, including repetitions.
            pub fn requested(&self) -> usize {
                self.wanted.iter().map(alloc::vec::Vec::len).sum()
            }

            $( $crate::working_set! { @needs $table $one $row $($owner)? } )+
        }
    };
    (@needs $table:ident $one:ident $row:ident) => {
        /// Requests the row. `None` until it is loaded, and always if it does not exist.
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
        /// Requests the rows that this one owns. `None` until they are loaded. A command must also
        /// request their owner, because the owner's lock protects them.
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
