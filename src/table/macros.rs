//! The macro that makes a table.

/// Makes a table of `STATES`, `CELLS` and `RULES`, which stand beside it: `Row`, `Table`, `ROWS`, `INDEX`
/// and `TABLE`. See the [module](mod@crate::table).
///
/// It names the states, the triggers, the ops and the reasons. States and triggers are fieldless and
/// [`Word`](crate::table::Word)s; an op has a `const fn rank(self) -> u16`, its place in the order. `also`
/// names a `const fn(Verdict, &mut Ops)` that adds the ops which follow from others; `law` a
/// `const fn(&Row)` that returns the law which a row breaks by its shape. There may be at most 254 rows.
#[macro_export]
macro_rules! table {
    ($State:ty, $Trigger:ty, $Op:ty, $Reason:ty $(; also $also:path)? $(; law $law:path)? $(;)?) => {
        /// A row of the table: a rule, in the states in which its ops are the same.
        pub type Row = $crate::table::Row<$State, $Trigger, $Op, $Reason>;

        /// The shipped table, or one that a checker changed.
        pub type Table = $crate::table::Table<
            $State,
            $Trigger,
            $Op,
            $Reason,
            { <$State as $crate::table::Word>::ALL.len() },
            { <$Trigger as $crate::table::Word>::ALL.len() },
        >;

        /// The rows that run, in the order of the rules.
        pub const ROWS: &[Row] = &Made::ROWS;

        /// `[state][trigger]` → place in [`ROWS`].
        pub const INDEX: [[u8; Made::TRIGGERS]; Made::STATES] = Made::EXPANSION.index;

        /// The shipped table.
        pub static TABLE: Table = Table { rows: ROWS, index: INDEX };

        /// The steps from the three literals to the rows.
        struct Made;

        #[allow(clippy::large_const_arrays, clippy::large_stack_arrays, reason = "they are not there when the program runs")]
        impl Made {
            const STATES: usize = <$State as $crate::table::Word>::ALL.len();
            const TRIGGERS: usize = <$Trigger as $crate::table::Word>::ALL.len();
            const PLACES: [[u8; Made::TRIGGERS]; Made::STATES] = $crate::table::proof::places(
                &CELLS,
                RULES,
                <$State as $crate::table::Word>::NAMES,
                <$Trigger as $crate::table::Word>::NAMES,
            );
            const OPS: [[$crate::table::Ops<$Op>; Made::STATES]; RULES.len()] = Made::ops();
            const EXPANSION: $crate::table::proof::Expansion<
                $State,
                $Trigger,
                $Op,
                { Made::STATES },
                { Made::TRIGGERS },
            > = $crate::table::proof::expand(
                &Made::PLACES,
                &Made::OPS,
                <$State as $crate::table::Word>::ALL,
                <$Trigger as $crate::table::Word>::ALL,
                $crate::table::proof::any(RULES),
            );
            const FROM: &'static [$State] =
                &Made::EXPANSION.states.shrunk::<{ Made::EXPANSION.states.count }>();
            const ON: &'static [$Trigger] =
                &Made::EXPANSION.triggers.shrunk::<{ Made::EXPANSION.triggers.count }>();
            const ALL_OPS: &'static [$Op] =
                &Made::EXPANSION.ops.shrunk::<{ Made::EXPANSION.ops.count }>();
            const ROWS: [Row; Made::EXPANSION.rows.count] = Made::rows();

            /// The ops of each rule in each of its states.
            const fn ops() -> [[$crate::table::Ops<$Op>; Made::STATES]; RULES.len()] {
                let mut all = [[$crate::table::Ops::NONE; Made::STATES]; RULES.len()];
                let mut s = 0;
                while s < Made::STATES {
                    let name = <$State as $crate::table::Word>::NAMES[s];
                    if s >= STATES.len() || STATES[s].state as usize != s {
                        let words = ["the state ", name, " is missing in STATES, or out of order"];
                        $crate::table::proof::fail(&words);
                    }
                    let mut r = 0;
                    while r < RULES.len() {
                        if $crate::table::proof::uses(&Made::PLACES[s], r) {
                            all[r][s] = Made::ops_of(s, &RULES[r]);
                        }
                        r += 1;
                    }
                    s += 1;
                }
                all
            }

            /// Exit ops, the rule's ops, entry ops, and what follows from these.
            const fn ops_of(
                from: usize,
                rule: &$crate::table::Rule<$State, $Op, $Reason>,
            ) -> $crate::table::Ops<$Op> {
                let mut parts: [&[$Op]; 3] = [&[], &[], rule.ops];
                if let $crate::table::Verdict::Go(to) = rule.verdict {
                    parts = [STATES[from].exit, STATES[to as usize].entry, rule.ops];
                }
                let mut ops = $crate::table::Ops::NONE;
                let mut p = 0;
                while p < parts.len() {
                    let mut o = 0;
                    while o < parts[p].len() {
                        if !ops.add(parts[p][o].rank(), parts[p][o]) {
                            let words = ["rule ", rule.id, " has an op twice, or one of its states"];
                            $crate::table::proof::fail(&words);
                        }
                        o += 1;
                    }
                    p += 1;
                }
                $(if rule.verdict.acts() {
                    $also(rule.verdict, &mut ops);
                })?
                ops
            }

            const fn rows() -> [Row; Made::EXPANSION.rows.count] {
                let plans = Made::EXPANSION.rows.shrunk::<{ Made::EXPANSION.rows.count }>();
                let (from, on, ops) = (Made::FROM, Made::ON, Made::ALL_OPS);
                let mut rows = [$crate::table::proof::row(&plans[0], RULES, from, on, ops); Made::EXPANSION.rows.count];
                let mut r = 0;
                while r < rows.len() {
                    rows[r] = $crate::table::proof::row(&plans[r], RULES, from, on, ops);
                    Made::prove(&rows[r]);
                    r += 1;
                }
                rows
            }

            /// Fails the build over a row that is not well formed, or breaks a law.
            const fn prove(row: &Row) {
                if let Some(error) = row.shape_error() {
                    $crate::table::proof::fail(&["rule ", row.id, " ", error]);
                }
                $(if let Some(law) = $law(row) {
                    $crate::table::proof::fail(&[
                        <$State as $crate::table::Word>::NAMES[row.from[0] as usize],
                        " x ",
                        <$Trigger as $crate::table::Word>::NAMES[row.on[0] as usize],
                        ": rule ",
                        row.id,
                        " breaks ",
                        law.into_str(),
                        ": ",
                        law.meaning(),
                    ]);
                })?
            }
        }
    };
}
