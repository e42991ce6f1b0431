//! Counterexamples for people and for tools.

use std::fmt::Write as _;

use serde_json::json;

use super::model::{Model, Trace};
use super::report::{Kind, Violation};

impl Violation {
    /// The behaviour with its states.
    pub fn trace<M: Model>(&self, model: &M) -> Option<Trace<M>> {
        self.path.as_ref()?.follow(model)
    }

    /// The behaviour as a numbered story.
    pub fn story<M: Model>(&self, model: &M) -> String {
        let mut text = format!("{}: {}\n", self.law, self.sentence);
        if let Some(trace) = self.trace(model) {
            tell(model, &trace, &mut text);
        }
        let _ = writeln!(text, "violated: {}", self.detail);
        text
    }

    /// The behaviour as a Mermaid sequence diagram; empty if there is no behaviour.
    pub fn sequence_diagram<M: Model>(&self, model: &M) -> String {
        self.trace(model).map(|trace| draw(model, self, &trace)).unwrap_or_default()
    }

    /// The behaviour as JSON Lines, one step per line; empty if there is no behaviour.
    pub fn json_lines<M: Model>(&self, model: &M) -> String {
        let Some(trace) = self.trace(model) else {
            return String::new();
        };
        let mut lines = String::new();
        for number in 0..trace.steps.len() {
            let step = trace.step(number);
            let line = model.trace_line(&step).unwrap_or_else(|| {
                let action = step.action.to_string();
                json!({ "step": number + 1, "action": action, "state": model.describe(step.after) })
                    .to_string()
            });
            lines.push_str(&line);
            lines.push('\n');
        }
        lines
    }

    /// The source of a `#[test]` which fails as long as the model has this behaviour and it breaks
    /// the law; empty if there is no behaviour.
    pub fn test_code<M: Model>(&self, model: &M) -> String {
        let Some(trace) = self.trace(model) else {
            return String::new();
        };
        model.test_code(&self.law, &trace).unwrap_or_else(|| write_test(model, self, &trace))
    }
}

fn tell<M: Model>(model: &M, trace: &Trace<M>, text: &mut String) {
    let width = trace.steps.len().to_string().len();
    let _ = writeln!(text, "{:>width$}. in the beginning", 0);
    let _ = writeln!(text, "{:>width$}  = {}", "", model.describe(&trace.initial));
    for number in 0..trace.steps.len() {
        if trace.cycle == Some(number) {
            text.push_str("from here on the same for ever:\n");
        }
        let step = trace.step(number);
        let _ = writeln!(text, "{:>width$}. {}", number + 1, model.narrate(&step));
        let _ = writeln!(text, "{:>width$}  = {}", "", model.describe(step.after));
    }
    if trace.cycle == Some(trace.steps.len()) {
        text.push_str("from here on nothing happens any more\n");
    } else if let Some(cycle) = trace.cycle {
        let _ = writeln!(text, "and again from the state before {}", cycle + 1);
    }
}

fn draw<M: Model>(model: &M, violation: &Violation, trace: &Trace<M>) -> String {
    let lanes: Vec<_> = trace.steps.iter().map(|step| model.lane(&step.action)).collect();
    let mut names: Vec<&str> = Vec::new();
    for name in lanes.iter().flat_map(|(from, to)| [from, to]) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    if names.is_empty() {
        names.push("model");
    }
    let mut text = String::from("sequenceDiagram\n");
    for (number, name) in names.iter().enumerate() {
        let _ = writeln!(text, "    participant p{number} as {}", escape(name));
    }
    let lane = |name: &str| names.iter().position(|known| *known == name).unwrap_or_default();
    for (number, (from, to)) in lanes.iter().enumerate() {
        if trace.cycle == Some(number) {
            text.push_str("    loop for ever\n");
        }
        let words = escape(&model.narrate(&trace.step(number)));
        let _ = writeln!(text, "    p{}->>p{}: {words}", lane(from), lane(to));
    }
    if trace.cycle.is_some_and(|cycle| cycle < lanes.len()) {
        text.push_str("    end\n");
    }
    let span = if names.len() > 1 { format!("p0,p{}", names.len() - 1) } else { "p0".to_owned() };
    let _ = writeln!(text, "    Note over {span}: {}", escape(&verdict(violation)));
    text
}

fn verdict(violation: &Violation) -> String {
    format!("{}: {}", violation.law, violation.detail)
}

/// What Mermaid would take for its own signs.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '#' => escaped.push_str("#35;"),
            ';' => escaped.push_str("#59;"),
            '<' => escaped.push_str("#lt;"),
            '>' => escaped.push_str("#gt;"),
            '\n' => escaped.push_str("<br/>"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn write_test<M: Model>(model: &M, violation: &Violation, trace: &Trace<M>) -> String {
    let path = trace.path();
    let mut code = format!("/// {}\n#[test]\nfn {}() {{\n", violation.sentence, violation.law);
    let _ = writeln!(code, "    let model = {};", model.expression());
    code.push_str("    let actions = [\n");
    for action in &path.actions {
        let _ = writeln!(code, "        {action:?},");
    }
    code.push_str("    ];\n");
    let _ = writeln!(
        code,
        "    let replay = outlive_checker::replay(&model, {}, &actions);",
        path.initial
    );
    code.push_str("    replay.assert_lawful(&model);\n");
    if let (Kind::LeadsTo, Some(cycle)) = (violation.kind, path.cycle) {
        let why = if cycle < path.actions.len() { "repeats for ever" } else { "ends there" };
        let _ = writeln!(code, "    // Counterexample to {}: the behaviour {why}.", violation.law);
        let _ = writeln!(code, "    assert!(!replay.returns_to({cycle}));");
    }
    code.push_str("}\n");
    code
}
