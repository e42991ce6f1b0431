//! Reading, replaying and explaining traces.
