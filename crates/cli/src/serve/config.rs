//! `outlive serve --config`: the flags of `serve`, from a file. Which fields there are, what they mean and what they
//! take is what the flags' own definition says: there is no second list.

use std::any::TypeId;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, Resettable};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, Parser};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::Serve;
use crate::Exit;
use crate::output::fail;

/// Where the configuration comes from, and whether it is only shown.
#[derive(Debug, clap::Args)]
struct Flags {
    /// Take the flags that are not given from this file (TOML): each field has the name of a flag. What the command line
    /// says counts before the environment, the environment before the file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the configuration in force, as a file for --config, and start nothing. Tokens and keys are left out.
    #[arg(long)]
    print_config: bool,
}

/// The flags that are no fields.
const FLAGS: &[&str] = &["config", "print_config"];

/// The configuration in force.
#[derive(Debug)]
pub(super) struct Configuration {
    /// As a file, if it is to be printed.
    pub(super) print: Option<String>,
}

impl Args for Configuration {
    fn augment_args(command: Command) -> Command {
        Flags::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Flags::augment_args_for_update(command)
    }
}

impl FromArgMatches for Configuration {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Configuration, clap::Error> {
        let flags = Flags::from_arg_matches(matches)?;
        Ok(Configuration { print: flags.print_config.then(|| text(matches)) })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Configuration::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The definition of the flags.
fn definition() -> Command {
    let command = Serve::augment_args(Command::new("serve"));
    command.no_binary_name(true).disable_help_flag(true)
}

/// The flags alone, whatever the environment says.
fn without_environment() -> Command {
    let mut command = definition().mut_args(|arg| arg.env(Resettable::Reset));
    command.build();
    command
}

fn fields(command: &Command) -> impl Iterator<Item = (&str, &Arg)> {
    let own = |arg: &&Arg| !FLAGS.contains(&arg.get_id().as_str());
    let args = command.get_arguments().filter(own);
    args.filter_map(|arg| arg.get_long().map(|long| (long, arg)))
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Boolean,
    Number,
    Text,
}

fn kind(arg: &Arg) -> Kind {
    let is = arg.get_value_parser().type_id();
    let numbers = [
        TypeId::of::<u8>(),
        TypeId::of::<u16>(),
        TypeId::of::<u32>(),
        TypeId::of::<u64>(),
        TypeId::of::<usize>(),
        TypeId::of::<i64>(),
    ];
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        Kind::Boolean
    } else if numbers.iter().any(|number| is == *number) {
        Kind::Number
    } else {
        Kind::Text
    }
}

fn is_list(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

/// Whether its value is never printed: a flag says so by `hide_env_values`, whether it is in the environment or not.
fn is_secret(arg: &Arg) -> bool {
    arg.is_hide_env_values_set()
}

/// Parses the command line, with the flags of the file that it names, if it names one.
///
/// # Errors
/// The file cannot be used: it says where and why, and nothing was started. A mistake in the command line ends the
/// process as ever.
pub(crate) fn parse<P: Parser>(mut words: Vec<OsString>) -> Result<P, Exit> {
    // What is wrong with the command line is said when it is whole.
    let given = P::command().ignore_errors(true).try_get_matches_from(&words);
    let given = given.ok().and_then(|given| given.subcommand_matches("serve").cloned());
    let Some(given) = given else { return Ok(P::parse_from(words)) };
    let Some(path) = given.get_one::<PathBuf>("config") else { return Ok(P::parse_from(words)) };
    let command = without_environment();
    let lines = read(&command, path).map_err(|why| fail(&why))?;
    let lines: Vec<Line> = lines.into_iter().filter(|line| !is_given(&given, line.arg)).collect();
    let at = words.iter().position(|word| word == "serve").map_or(words.len(), |at| at + 1);
    words.splice(at..at, lines.iter().flat_map(|line| line.words.clone()));
    P::try_parse_from(words).map_err(|error| {
        match lines.iter().find(|line| concerns(&error, &command, line)) {
            Some(line) => fail(&format!(
                "{}:{}: `{}`: {}",
                path.display(),
                line.place,
                line.arg.get_long().unwrap_or_default(),
                sentence(&error)
            )),
            None => error.exit(),
        }
    })
}

/// Whether the command line or the environment says it.
fn is_given(given: &ArgMatches, arg: &Arg) -> bool {
    use clap::parser::ValueSource::{CommandLine, EnvVariable};
    matches!(given.value_source(arg.get_id().as_str()), Some(CommandLine | EnvVariable))
}

/// Whether flags that do not go together are this one's fault.
fn concerns(error: &clap::Error, command: &Command, line: &Line) -> bool {
    let names = |error: &clap::Error| -> Vec<String> {
        let named = [ContextKind::InvalidArg, ContextKind::PriorArg];
        let named = named.iter().filter_map(|kind| error.get(*kind));
        // One, or a list of them.
        named
            .flat_map(|named| named.to_string().split(", ").map(str::to_owned).collect::<Vec<_>>())
            .collect()
    };
    let alone = command.clone().try_get_matches_from(&line.words).err();
    names(error).contains(&line.arg.to_string())
        || alone.is_some_and(|alone| alone.kind() == error.kind() && names(&alone) == names(error))
}

/// What clap says, without what surrounds it on a terminal.
fn sentence(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let text = text.split("\n\nUsage:").next().unwrap_or_default();
    let text = text.split("\n\nFor more information").next().unwrap_or_default();
    text.trim_start_matches("error: ").trim_end().to_owned()
}

/// A field of the file, as the flag that it is.
#[derive(Debug)]
struct Line<'a> {
    place: usize,
    arg: &'a Arg,
    /// None for what is so without it.
    words: Vec<OsString>,
}

/// Reads the fields of a file, in its order.
fn read<'a>(command: &'a Command, path: &Path) -> Result<Vec<Line<'a>>, String> {
    let name = path.display();
    let text = fs::read_to_string(path).map_err(|why| format!("{name} cannot be read: {why}"))?;
    let place = |at: usize| text[..at].matches('\n').count() + 1;
    let (table, mistakes) = DeTable::parse_recoverable(&text);
    // The first one; those after it may follow from it.
    let at = |why: &toml::de::Error| why.span().map_or(0, |span| span.start.min(text.len()));
    if let Some(why) = mistakes.iter().min_by_key(|why| at(why)) {
        return Err(format!("{name}:{}: {}", place(at(why)), why.message()));
    }
    let mut fields: Vec<_> = table.get_ref().iter().collect();
    fields.sort_by_key(|(key, _)| key.span().start);
    let line = |(key, value): &(&Spanned<DeString>, &Spanned<DeValue>)| {
        let place = place(key.span().start);
        let line = field(command, key.get_ref(), value.get_ref());
        line.map(|(arg, words)| Line { place, arg, words })
            .map_err(|why| format!("{name}:{place}: {why}"))
    };
    fields.iter().map(line).collect()
}

/// The flag that a field is, and the words of the command line that say the same.
fn field<'a>(
    command: &'a Command,
    key: &str,
    value: &DeValue,
) -> Result<(&'a Arg, Vec<OsString>), String> {
    let found = fields(command).find(|(long, _)| *long == key);
    let (long, arg) = found.ok_or_else(|| unknown(command, key))?;
    let values: Option<Vec<String>> = match (is_list(arg), value.as_array()) {
        (true, Some(items)) => items.iter().map(|item| scalar(arg, item.get_ref())).collect(),
        (false, None) => scalar(arg, value).map(|one| vec![one]),
        (true, None) | (false, Some(_)) => None,
    };
    let values = values.ok_or_else(|| {
        format!("`{key}` is {}, and this is of type {}", right(long, arg), value.type_str())
    })?;
    let defaults = arg.get_default_values();
    let words: Vec<OsString> = match kind(arg) {
        Kind::Boolean if values == ["true"] => vec![format!("--{long}").into()],
        Kind::Boolean => Vec::new(),
        Kind::Number | Kind::Text if !defaults.is_empty() && values == defaults => Vec::new(),
        Kind::Number | Kind::Text => {
            values.iter().map(|value| format!("--{long}={value}").into()).collect()
        }
    };
    match command.clone().try_get_matches_from(&words) {
        // Whether it goes with the others is seen when they are all there.
        Err(error)
            if !matches!(
                error.kind(),
                ErrorKind::MissingRequiredArgument | ErrorKind::ArgumentConflict
            ) =>
        {
            Err(sentence(&error))
        }
        Ok(_) | Err(_) => Ok((arg, words)),
    }
}

/// A value as the command line has it; none if it is of another type than the field's.
fn scalar(arg: &Arg, value: &DeValue) -> Option<String> {
    match (kind(arg), value) {
        (Kind::Boolean, DeValue::Boolean(value)) => Some(value.to_string()),
        (Kind::Number, DeValue::Integer(value)) => {
            i64::from_str_radix(value.as_str(), value.radix()).ok().map(|value| value.to_string())
        }
        (Kind::Text, DeValue::String(value)) => Some(value.to_string()),
        (Kind::Boolean | Kind::Number | Kind::Text, _) => None,
    }
}

/// What would be right.
fn right(long: &str, arg: &Arg) -> String {
    let what = match (is_list(arg), kind(arg)) {
        (true, Kind::Text) => "a list of texts",
        (true, Kind::Number) => "a list of whole numbers",
        (_, Kind::Boolean) => "true or false",
        (false, Kind::Number) => "a whole number",
        (false, Kind::Text) => "a text",
    };
    format!("{what}, as in `{}`", example(long, arg))
}

fn unknown(command: &Command, key: &str) -> String {
    let error = command.clone().try_get_matches_from([format!("--{key}")]).err();
    let near = error.as_ref().and_then(|error| error.get(ContextKind::SuggestedArg));
    let near = match near {
        Some(ContextValue::String(near)) => near.trim_start_matches('-'),
        _ => "",
    };
    if fields(command).any(|(long, _)| long == near) {
        return format!("there is no field `{key}`; the nearest is `{near}`");
    }
    format!("there is no field `{key}`; `outlive serve --print-config` prints them all")
}

/// The configuration in force, as a file that says the same.
fn text(matches: &ArgMatches) -> String {
    let mut command = definition();
    command.build();
    let mut parts = vec![String::from("# The configuration of `outlive serve`, for --config.\n")];
    let mut heading = None;
    for (long, arg) in fields(&command) {
        if arg.get_help_heading() != heading {
            heading = arg.get_help_heading();
            parts.push(format!("## {}\n", heading.unwrap_or_default()));
        }
        let values = matches.get_raw(arg.get_id().as_str()).into_iter().flatten();
        let values: Vec<String> =
            values.map(|value| value.to_string_lossy().into_owned()).collect();
        let line = if values.is_empty() {
            format!("# {}", example(long, arg))
        } else if is_secret(arg) {
            format!("# {long} is set, and a secret: it is not printed.")
        } else {
            assignment(long, arg, &values)
        };
        parts.push(format!("{}{line}\n", comment(&about(arg))));
    }
    parts.join("\n")
}

/// What the flag's help says of it.
fn about(arg: &Arg) -> String {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let mut sentences = vec![format!("{}.", help.trim_end_matches('.'))];
    let possible = arg.get_possible_values();
    if kind(arg) == Kind::Text && !possible.is_empty() {
        let names: Vec<&str> = possible.iter().map(PossibleValue::get_name).collect();
        sentences.push(format!("One of: {}.", names.join(", ")));
    }
    if let Some(variable) = arg.get_env() {
        sentences.push(format!("In the environment: {}.", variable.to_string_lossy()));
    }
    sentences.join(" ")
}

/// A line of the file.
fn assignment(long: &str, arg: &Arg, values: &[String]) -> String {
    let values = values.iter().map(|value| match kind(arg) {
        Kind::Boolean | Kind::Number => value.clone(),
        Kind::Text => toml::Value::from(value.as_str()).to_string(),
    });
    let values: Vec<String> = values.collect();
    let values = values.join(", ");
    if is_list(arg) { format!("{long} = [{values}]") } else { format!("{long} = {values}") }
}

/// A line as it might be.
fn example(long: &str, arg: &Arg) -> String {
    let default =
        arg.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
    let name = || arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    let value = match (default, kind(arg)) {
        (Some(default), _) => default,
        (None, Kind::Boolean) => "true".to_owned(),
        (None, Kind::Number) => "60".to_owned(),
        (None, Kind::Text) => name().unwrap_or_default(),
    };
    assignment(long, arg, &[value])
}

/// A text as lines of at most 100 columns.
fn comment(text: &str) -> String {
    let mut lines = vec![String::from("#")];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("one is there");
        if line.len() + 1 + word.len() > 100 {
            lines.push(format!("# {word}"));
        } else {
            *line += " ";
            *line += word;
        }
    }
    lines.join("\n") + "\n"
}
