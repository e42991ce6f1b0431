//! What a wrong table looks like to who builds it: the error names the cell, the row, the law.

#[test]
fn a_wrong_table_does_not_compile_and_says_where() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/build/cases/*.rs");
}
