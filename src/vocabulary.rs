//! The two macros that make the closed words: one line for each word, and one for each op.

/// Declares closed words: a name and its sentence on each line, and how a word is spelled.
///
/// The sentence is the variant's documentation and what `meaning` returns, so that the generated pages
/// say what rustdoc says.
#[doc(hidden)]
#[macro_export]
macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident as $case:literal { $($variant:ident = $meaning:literal,)+ }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            ::serde::Serialize, ::serde::Deserialize, ::strum::Display, ::strum::EnumCount,
            ::strum::EnumString, ::strum::VariantArray, ::strum::VariantNames,
        )]
        #[serde(rename_all = $case)]
        #[strum(serialize_all = $case)]
        pub enum $name { $(#[doc = $meaning] $variant,)+ }

        impl $name {
            /// The word as it is written everywhere.
            pub const fn into_str(self) -> &'static str {
                <$name as ::strum::VariantNames>::VARIANTS[self as usize]
            }

            /// What the word means, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $($name::$variant => $meaning,)+ }
            }
        }

        impl $crate::table::Word for $name {
            const ALL: &'static [$name] = <$name as ::strum::VariantArray>::VARIANTS;
            const NAMES: &'static [&'static str] = <$name as ::strum::VariantNames>::VARIANTS;

            #[inline]
            fn place(self) -> usize {
                self as usize
            }

            fn meaning(self) -> &'static str {
                $name::meaning(self)
            }
        }
    };
}

/// Declares the ops of a table, in the order in which they are performed. A line has all that is known
/// of an op: its name, its argument, whether it is `[durable]` and makes something `[due]` to viewers, the
/// triggers whose events carry what it works on (`on` some, `if` a predicate holds, otherwise any), and its
/// sentence.
macro_rules! ops {
    ($(#[$doc:meta])* $name:ident on $Trigger:ident {
        $($op:ident $(($argument:ident: $of:ident))? $([$($fact:ident)+])? $(on $($on:ident)|+)?
            $(if $holds:ident)? = $meaning:literal,)+
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ::strum::IntoStaticStr)]
        #[strum(serialize_all = "snake_case")]
        pub enum $name { $(#[doc = $meaning] $op $(($of))?,)+ }

        impl $name {
            /// The op's place in the order, and its argument's: no two ops have the same.
            pub const fn rank(self) -> u16 {
                enum Place { $($op,)+ }
                match self { $($name::$op $(($argument))? => {
                    (Place::$op as u16) << 8 $(| $argument as u16)?
                })+ }
            }

            /// Whether it is one of these.
            #[allow(dead_code, reason = "for the shape laws that ask it")]
            pub(crate) const fn is_in(self, ops: &[$name]) -> bool {
                let mut o = 0;
                while o < ops.len() {
                    if ops[o].rank() == self.rank() {
                        return true;
                    }
                    o += 1;
                }
                false
            }

            /// Whether these stand in their order, each once.
            #[allow(dead_code, reason = "for the shape laws that ask it")]
            pub(crate) const fn in_order(ops: &[$name]) -> bool {
                let mut o = 1;
                while o < ops.len() {
                    if ops[o - 1].rank() >= ops[o].rank() {
                        return false;
                    }
                    o += 1;
                }
                true
            }

            /// What it does, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $($name::$op { .. } => $meaning,)+ }
            }

            /// Whether it changes what has to be durable.
            pub const fn is_durable(self) -> bool {
                match self { $($name::$op { .. } => false $($(|| ops!(@durable $fact))+)?,)+ }
            }

            /// Whether something may be due to a viewer after it: an entry, or credit for one.
            pub const fn makes_due(self) -> bool {
                match self { $($name::$op { .. } => false $($(|| ops!(@due $fact))+)?,)+ }
            }

            /// Whether the event behind the trigger carries what the op works on.
            #[allow(unused_variables, clippy::match_same_arms, reason = "a line for each op")]
            pub const fn fits(self, trigger: $Trigger) -> bool {
                match self {
                    $($name::$op { .. } => true $(&& matches!(trigger, $($Trigger::$on)|+))?
                        $(&& trigger.$holds())?,)+
                }
            }
        }

        /// `commit`, `arm(detach)`.
        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                match $crate::table::Operation::argument(*self) {
                    Some((_, argument)) => write!(f, "{}({argument})", <&str>::from(self)),
                    None => f.write_str(self.into()),
                }
            }
        }

        impl $crate::table::Operation for $name {
            fn name(self) -> &'static str {
                self.into()
            }

            fn argument(self) -> Option<(&'static str, &'static str)> {
                match self { $($name::$op $(($argument))? => {
                    let argument = None::<(&'static str, &'static str)>;
                    $(let argument = argument.or(Some((stringify!($of), $argument.into_str())));)?
                    argument
                })+ }
            }

            fn meaning(self) -> &'static str {
                $name::meaning(self)
            }
        }
    };
    (@durable durable) => { true };
    (@durable due) => { false };
    (@due due) => { true };
    (@due durable) => { false };
}

pub(crate) use {ops, vocabulary};
