//! What people bring along from other languages: functions, names and fields that are called otherwise here, or that no expression has.
//! It only adds to a mistake that was found: a help line, and where the meaning leaves no doubt, a fix.

use super::{Checker, Form, Range, Typed};
use crate::code::expression as codes;
use crate::diagnostic::{Diagnostic, nearest};
use crate::expr::convert::TYPE_NAMES;
use crate::expr::tree::Tree;
use crate::ty::{Marks, Ty};
use crate::value::Value;
use cel_interpreter::common::ast::{Expr as Node, IdedExpr};
use std::sync::Arc;

/// A function of other languages.
struct Foreign {
    /// Its names, in small letters and without `_`.
    names: &'static [&'static str],
    /// How it is written here; `{0}` stands for its first argument. Empty where nothing does the same.
    here: &'static str,
    /// In words; empty where the form says it all.
    why: &'static str,
}

const fn written(names: &'static [&'static str], here: &'static str) -> Foreign {
    Foreign { names, here, why: "" }
}

const RANDOM: &str = "nothing in an expression is random, so that a replay is exact: `run.id` is unique to a run, and `split` divides runs";

const FUNCTIONS: &[Foreign] = &[
    Foreign { names: &["now", "currenttimestamp", "getdate", "utcnow"], here: "run.now", why: "the time of a run is `run.now`" },
    Foreign {
        names: &["today", "date", "currentdate", "sysdate"],
        here: "",
        why: "the time of a run is `run.now`: compare it, such as `run.now - input.at < '1d'`",
    },
    Foreign { names: &["rand", "random", "uuid", "uuidv4", "guid", "newid", "nanoid"], here: "", why: RANDOM },
    Foreign {
        names: &["sum", "avg", "average", "mean"],
        here: "",
        why: "no expression adds a list up: a `metric` does, or a field that already holds it",
    },
    Foreign { names: &["substr", "mid"], here: "", why: "write it as `text.substring(from, to)`: the second number is where it ends" },
    Foreign { names: &["year"], here: "{0}.getFullYear()", why: "" },
    Foreign { names: &["month"], here: "", why: "write it as `instant.getMonth()`, which counts from 0" },
    Foreign { names: &["day", "dayofmonth"], here: "{0}.getDate()", why: "" },
    Foreign { names: &["hour"], here: "{0}.getHours()", why: "" },
    Foreign { names: &["weekday", "dayofweek"], here: "", why: "write it as `instant.getDayOfWeek()`, which is 0 on Sunday" },
    written(&["len", "length", "count", "strlen", "sizeof"], "size({0})"),
    written(&["lower", "tolower", "tolowercase", "lowercase", "downcase", "lcase"], "{0}.lowerAscii()"),
    written(&["upper", "toupper", "touppercase", "uppercase", "upcase", "ucase"], "{0}.upperAscii()"),
    written(&["strip"], "{0}.trim()"),
    written(&["str", "tostring", "tostr", "text"], "string({0})"),
    written(&["toint", "parseint", "integer", "tointeger", "long"], "int({0})"),
    written(&["float", "tofloat", "parsefloat", "todouble", "number", "tonumber"], "double({0})"),
    written(&["boolean", "tobool", "parsebool"], "bool({0})"),
    written(&["floor"], "math.floor({0})"),
    written(&["ceil", "ceiling"], "math.ceil({0})"),
    written(&["sqrt"], "math.sqrt({0})"),
    written(&["trunc", "truncate"], "math.trunc({0})"),
    written(&["iif", "ifelse", "ternary", "cond"], "{0} ? {1} : {2}"),
    written(&["coalesce", "ifnull", "nvl", "default", "getordefault"], "{0}.or({1})"),
    written(&["isnull", "isnone", "isundefined"], "!has({0})"),
    written(&["isset", "isdefined", "defined", "notnull", "isnotnull"], "has({0})"),
    written(&["isempty", "empty"], "size({0}) == 0"),
    written(&["not"], "!({0})"),
    written(&["and"], "{0} && {1}"),
    written(&["or"], "{0} || {1}"),
    written(&["concat"], "{0} + {1}"),
    written(&["any", "some", "anymatch"], "{0}.exists({1}, {2})"),
    written(&["every", "allmatch"], "{0}.all({1}, {2})"),
    written(&["regexmatch", "regex", "like", "test"], "{0}.matches({1})"),
];

/// Names that other languages give to what has another one here.
const NAMES: &[(&str, &str)] = &[
    ("True", "true"),
    ("TRUE", "true"),
    ("False", "false"),
    ("FALSE", "false"),
    ("None", "null"),
    ("none", "null"),
    ("nil", "null"),
    ("NULL", "null"),
    ("Null", "null"),
    ("undefined", "null"),
    ("now", "run.now"),
    ("today", "run.now"),
];

/// Words of this language that a name may be a slip of.
const CONSTANTS: [&str; 3] = ["true", "false", "null"];

fn foreign(name: &str) -> Option<&'static Foreign> {
    let plain = name.replace('_', "").to_ascii_lowercase();
    FUNCTIONS.iter().find(|known| known.names.contains(&plain.as_str()))
}

/// A form with arguments in their places; nothing where there are more or fewer of them.
fn filled(form: &str, arguments: &[String]) -> Option<String> {
    let mut text = form.to_owned();
    for (at, argument) in arguments.iter().enumerate() {
        let hole = format!("{{{at}}}");
        if !text.contains(&hole) {
            return None;
        }
        // What binds less tightly than a dot or a sign is kept together.
        let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.' | '\'' | '(' | ')' | '[' | ']');
        let alone = form.contains(&format!("({hole}")) || form.contains(&format!(", {hole}")) || argument.chars().all(plain);
        text = text.replace(&hole, &if alone { argument.clone() } else { format!("({argument})") });
    }
    (!text.contains("{0}") && !text.contains("{1}") && !text.contains("{2}")).then_some(text)
}

impl Checker<'_> {
    /// What an unknown function is here, and how it is written. `false` where nothing is known of it.
    pub(super) fn known_elsewhere(&self, diagnostic: &mut Diagnostic, name: &str, arguments: &[Typed], range: Range) -> bool {
        let known = match name.replace('_', "").to_ascii_lowercase().as_str() {
            "includes" | "contain" | "has_item" => {
                let listed = arguments.first().is_some_and(|of| matches!(of.ty, Ty::List(_) | Ty::Map(_)));
                if listed { &IN } else { &CONTAINS }
            }
            _ => match foreign(name) {
                Some(known) => known,
                None => return false,
            },
        };
        // Without a run in scope there is no time either.
        if known.here == "run.now" && self.scope.get("run").is_none() {
            *diagnostic =
                diagnostic.clone().help("the time of a run is `run.now`, which the expressions of a flow have and this one has not");
            return true;
        }
        self.rewritten(diagnostic, known.here, known.why, arguments, range);
        true
    }

    /// A call of a function that exists, in the form that it has here.
    pub(super) fn in_its_form(&self, diagnostic: &mut Diagnostic, name: &str, member: bool, arguments: &[Typed], range: Range) {
        let places: Vec<String> = (0..arguments.len()).map(|at| format!("{{{at}}}")).collect();
        let Some((first, rest)) = places.split_first() else { return };
        let form = if member { format!("{first}.{name}({})", rest.join(", ")) } else { format!("{name}({})", places.join(", ")) };
        if let Some(text) = filled(&form, &self.texts(arguments)) {
            *diagnostic = diagnostic.clone().fix(format!("write `{text}`"), self.span(range), text);
        }
    }

    /// An item of a list is looked for with `in`.
    pub(super) fn item_of_list(&self, diagnostic: &mut Diagnostic, arguments: &[Typed], range: Range) {
        self.rewritten(diagnostic, IN.here, IN.why, arguments, range);
    }

    fn rewritten(&self, diagnostic: &mut Diagnostic, here: &str, why: &str, arguments: &[Typed], range: Range) {
        let generic = || here.replace("{0}", "a").replace("{1}", "b").replace("{2}", "c");
        let text = filled(here, &self.texts(arguments)).filter(|text| !text.is_empty());
        let help = match (&text, why) {
            (Some(text), "") => format!("it is written `{text}` here"),
            (None, "") => format!("it is written `{}` here", generic()),
            (_, why) => why.to_owned(),
        };
        *diagnostic = diagnostic.clone().help(help);
        if let Some(text) = text {
            *diagnostic = diagnostic.clone().fix(format!("write `{text}`"), self.span(range), text);
        }
    }

    fn texts(&self, arguments: &[Typed]) -> Vec<String> {
        arguments.iter().map(|argument| self.text.get(argument.range.0..argument.range.1).unwrap_or("").trim().to_owned()).collect()
    }

    /// What a name of other languages is here.
    pub(super) fn name_elsewhere(&self, name: &str) -> Option<&'static str> {
        if let Some((_, here)) = NAMES.iter().find(|(other, _)| *other == name) {
            return (*here != "run.now" || self.scope.get("run").is_some()).then_some(*here);
        }
        let known = self.locals.iter().map(|local| local.name.as_str()).chain(self.scope.variables.iter().map(|known| known.name.as_str()));
        let near = nearest(name, known.chain(CONSTANTS))?;
        CONSTANTS.into_iter().find(|constant| *constant == near)
    }

    /// A key of a map without quotes, as other languages have it: a name that nothing has here.
    pub(super) fn bare_key(&mut self, key: &IdedExpr) -> Option<Typed> {
        let Node::Ident(name) = &key.expr else { return None };
        let known = |name: &str| self.locals.iter().any(|local| local.name == name) || self.scope.get(name).is_some();
        if known(name) || TYPE_NAMES.contains(&name.as_str()) || self.name_elsewhere(name).is_some() {
            return None;
        }
        let range = self.token(key);
        let span = self.span(range);
        let near = nearest(name, self.scope.variables.iter().map(|known| known.name.as_str())).map(str::to_owned);
        let diagnostic = self.report(&codes::UNKNOWN_NAME, range, format!("there is no `{name}` here"));
        let found = diagnostic.clone().label("not in scope");
        *diagnostic = match near {
            Some(near) => found.help(format!("did you mean `{near}`, or the text `'{name}'`?")),
            None => found.help(format!("the key of a map is text: write `'{name}'`")).fix("put it in quotes", span, format!("'{name}'")),
        };
        let text: Arc<str> = name.as_str().into();
        let typed = Typed::new(Tree::Constant(Value::String(text.clone())), Ty::String, range, Marks::default());
        Some(Typed { form: Form::Text(text), ..typed })
    }

    /// The size of a text or a list, written as a field. The range is that of the whole.
    pub(super) fn size_elsewhere(&self, diagnostic: &mut Diagnostic, of: &Typed, field: &str, whole: Range) {
        let sized = matches!(of.ty, Ty::String | Ty::List(_) | Ty::Bytes | Ty::Map(_));
        if sized && matches!(field, "length" | "len" | "size" | "count") {
            self.rewritten(diagnostic, "size({0})", "", std::slice::from_ref(of), whole);
        }
    }
}

const IN: Foreign = Foreign { names: &[], here: "{1} in {0}", why: "whether a list holds an item is written `item in list`" };
const CONTAINS: Foreign = written(&[], "{0}.contains({1})");
