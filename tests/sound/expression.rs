//! Expressions of a wanted kind over the names of a place, made of patterns. It knows kinds by words, and no tree.

use tradewind_tests::random::Random;

/// Records that every program declares: fields and their kinds. What ends in `?` may be absent.
pub(crate) const RECORDS: &[(&str, &[(&str, &str)])] = &[
    (
        "line",
        &[
            ("sku", "text"),
            ("count", "int"),
            ("price", "money"),
            ("gift", "bool?"),
            ("note", "text?"),
            ("at", "instant"),
            ("mood", "mood"),
            ("tags", "texts"),
            ("share", "double"),
        ],
    ),
    ("got", &[("id", "text"), ("paid", "money"), ("lines", "lines"), ("sent_at", "instant?"), ("mood", "mood?"), ("best", "line?")]),
    ("sent", &[("id", "text"), ("amount", "money"), ("left", "int?")]),
    ("said", &[("mood", "mood"), ("count", "int?"), ("text", "text")]),
    ("parcel", &[("id", "text"), ("weight", "int"), ("worth", "money?")]),
    ("words", &[("text", "text")]),
    ("fact", &[("who", "text"), ("count", "int"), ("seen", "text?")]),
];

/// Kinds that a field may have, and how each is written.
pub(crate) const KINDS: &[(&str, &str)] = &[
    ("bool", "bool"),
    ("int", "int"),
    ("double", "double"),
    ("text", "string"),
    ("instant", "timestamp"),
    ("span", "duration"),
    ("money", "money"),
    ("decimal", "decimal"),
    ("mood", "mood"),
    ("line", "line"),
    ("ints", "list<int>"),
    ("texts", "list<string>"),
    ("moneys", "list<money>"),
    ("moods", "list<mood>"),
    ("lines", "list<line>"),
    ("counts", "map<int>"),
    ("prices", "map<money>"),
];

/// How larger expressions of a kind are made of smaller ones: `<K>` is a part of kind `K`; `<K:x=L>` one that may name `x` of kind `L`,
/// where `x@` is a name of its own.
const PATTERNS: &[(&str, &[&str])] = &[
    (
        "bool",
        &[
            "(<bool> && <bool>)",
            "(<bool> || <bool>)",
            "!(<bool>)",
            "(<int> <sign> <int>)",
            "(<int> <sign> <double>)",
            "(<double> <sign> <double>)",
            "(<text> <sign> <text>)",
            "(<money> <sign> <money>)",
            "(<instant> <sign> <instant>)",
            "(<span> <sign> <span>)",
            "(<decimal> <sign> <decimal>)",
            "(<mood> <equal> <mood>)",
            "(<ints> == <ints>)",
            "(<text> in <texts>)",
            "(<mood> in <moods>)",
            "(<text> in <counts>)",
            "(<int> in <ints>)",
            "<texts>.exists(x@, <bool:x@=text>)",
            "<lines>.all(l@, <bool:l@=line>)",
            "<lines>.exists_one(l@, <bool:l@=line>)",
            "<counts>.exists(k@, <bool:k@=text>)",
            "<ints>.exists(i@, x@, <bool:i@=int:x@=int>)",
            "(<text>).contains(<text>)",
            "(<text>).startsWith(<text>)",
            "(<text>).matches('a+|[0-9]*')",
            "sets.contains(<texts>, <texts>)",
            "sets.intersects(<moods>, <moods>)",
            "cel.bind(b@, <int>, <bool:b@=int>)",
            "cel.bind(b@, <line>, <bool:b@=line>)",
            "math.isNaN(<double>)",
            "bool(<text>)",
            "(type(<int>) == type(<double>))",
        ],
    ),
    (
        "int",
        &[
            "(<int> <sum> <int>)",
            "(<int> * <int>)",
            "(<int> / <int>)",
            "(<int> % <int>)",
            "-(<int>)",
            "size(<text>)",
            "size(<texts>)",
            "size(<lines>)",
            "size(<counts>)",
            "int(<double>)",
            "int(<text>)",
            "int(<decimal>)",
            "abs(<int>)",
            "(<instant>).getFullYear()",
            "(<instant>).getDayOfYear()",
            "(<instant>).getHours('Europe/Berlin')",
            "(<span>).getSeconds()",
            "(<span>).getMilliseconds()",
            "math.greatest(<int>, <int>, <int>)",
            "math.sign(<int>)",
            "math.bitAnd(<int>, <int>)",
            "math.bitShiftLeft(<int>, <int>)",
            "<ints>[<int>]",
            "<ints>.first().or(<int>)",
            "<ints>[?<int>].or(<int>)",
            "<counts>[<text>]",
            "<counts>[?<text>].or(<int>)",
            "<lines>.sortBy(l@, <money:l@=line>).map(l@, l@.count).last().or(<int>)",
            "int(uint(<int>) + uint(1))",
            "(<text>).indexOf(<text>)",
            "int(<instant>)",
        ],
    ),
    (
        "double",
        &[
            "(<double> <sum> <double>)",
            "(<double> <sum> <int>)",
            "(<double> * <double>)",
            "(<double> / <double>)",
            "(<money> / <money>)",
            "(<span> / <span>)",
            "double(<int>)",
            "double(<decimal>)",
            "double(<text>)",
            "round(<double>, <int>)",
            "abs(<double>)",
            "math.ceil(<double>)",
            "math.sqrt(<double>)",
            "math.least(<double>, <int>)",
        ],
    ),
    (
        "text",
        &[
            "(<text> + <text>)",
            "string(<int>)",
            "string(<double>)",
            "string(<money>)",
            "string(<instant>)",
            "string(<span>)",
            "string(<decimal>)",
            "string(<bool>)",
            "string(<mood>)",
            "(<text>).trim()",
            "(<text>).lowerAscii()",
            "(<text>).substring(<int>)",
            "(<text>).replace(<text>, <text>)",
            "(<text>).charAt(<int>)",
            "(<text>).reverse()",
            "<texts>[<int>]",
            "<texts>.join(<text>)",
            "'%s and %d'.format([<text>, <int>])",
            "among(<text>, <texts>)",
            "{'a': <text>}.transformMap(k@, v@, k@ + v@).a",
            "cel.bind(t@, <text>, <text:t@=text>)",
            "<lines>[<int>].sku",
            "strings.quote(<text>)",
            "base64.encode(bytes(<text>))",
        ],
    ),
    (
        "money",
        &[
            "(<money> <sum> <money>)",
            "(<money> * <double>)",
            "(<int> * <money>)",
            "(<money> * <decimal>)",
            "(<money> / <int>)",
            "-(<money>)",
            "round(<money>)",
            "round(<money>, <int>)",
            "ending(<money>, '0.99')",
            "greatest(<money>, <money>)",
            "between(<money>, <money>, <money>)",
            "abs(<money>)",
            "money(<double>, 'USD')",
            "money(<text>)",
            "<moneys>[<int>]",
            "<lines>.map(l@, <money:l@=line>).sort().first().or(<money>)",
            "<prices>[<text>]",
        ],
    ),
    (
        "decimal",
        &[
            "(<decimal> <sum> <decimal>)",
            "(<decimal> * <int>)",
            "(<decimal> / <decimal>)",
            "decimal(<int>)",
            "decimal(<text>)",
            "round(<decimal>, 2)",
            "abs(<decimal>)",
            "-(<decimal>)",
        ],
    ),
    ("instant", &["(<instant> <sum> <span>)", "least(<instant>, <instant>)", "timestamp(<text>)", "timestamp(<int>)"]),
    (
        "span",
        &["(<instant> - <instant>)", "(<span> <sum> <span>)", "(<span> * <int>)", "(<span> / <int>)", "abs(<span>)", "duration(<text>)"],
    ),
    ("mood", &["<moods>[<int>]", "least(<mood>, <mood>)", "among(<mood>, <moods>)", "<moods>.first().or(<mood>)"]),
    ("line", &["<lines>[<int>]", "<lines>.first().or(<line>)", "<lines>.filter(l@, <bool:l@=line>)[0]"]),
    (
        "ints",
        &[
            "<ints>.sort()",
            "<ints>.reverse()",
            "<ints>.distinct()",
            "<ints>.slice(0, <int>)",
            "[<int>, <int>]",
            "[[<int>], <ints>].flatten()",
            "lists.range(<int>)",
            "(<ints> + <ints>)",
            "<ints>.map(x@, <int:x@=int>)",
            "<lines>.map(l@, <bool:l@=line>, <int:l@=line>)",
            "<texts>.transformList(i@, t@, <int:i@=int:t@=text>)",
        ],
    ),
    (
        "texts",
        &[
            "[<text>, <text>]",
            "<texts>.map(x@, <text:x@=text>)",
            "<texts>.filter(x@, <bool:x@=text>)",
            "<lines>.map(l@, <text:l@=line>)",
            "(<texts> + <texts>)",
            "(<text>).split(<text>)",
            "<texts>.sort()",
            "<counts>.map(k@, <text:k@=text>)",
        ],
    ),
    ("moneys", &["[<money>, <money>]", "<lines>.map(l@, <money:l@=line>)", "<moneys>.sort()", "<moneys>.filter(m@, <bool:m@=money>)"]),
    ("moods", &["[<mood>]", "<lines>.map(l@, <mood:l@=line>)", "<moods>.reverse()"]),
    ("lines", &["[<line>]", "<lines>.filter(l@, <bool:l@=line>)", "(<lines> + <lines>)", "<lines>.sortBy(l@, <int:l@=line>)"]),
    ("counts", &["{'a': <int>, 'b': <int>}", "<counts>.transformMap(k@, v@, <int:k@=text:v@=int>)"]),
    ("prices", &["{'a': <money>}", "<counts>.transformMap(k@, v@, <money:k@=text:v@=int>)"]),
];

/// What stands where no name fits.
const LITERALS: &[(&str, &[&str])] = &[
    // What is always so is reported.
    (
        "bool",
        &["run.now > timestamp('2026-01-01T00:00:00Z')", "settings.most == size(run.id)", "settings.share < 0.5", "(settings.most > 2)"],
    ),
    ("int", &["0", "1", "-3", "7", "9223372036854775807", "100"]),
    ("double", &["0.5", "-1.5", "1e300", "0.0", "12.25"]),
    ("text", &["'a'", "''", "'30d'", "'1 USD'", "'é🦀'", "'12'", "'2024-02-29T00:00:00Z'"]),
    (
        "instant",
        &["timestamp('2024-02-29T23:59:59Z')", "timestamp('0001-01-01T00:00:00Z')", "run.now", "timestamp('2026-01-01T00:00:00Z')"],
    ),
    ("span", &["duration('1h')", "duration('0s')", "duration('2592000s')"]),
    ("money", &["money('1 USD')", "money('0 USD')", "money('19.999 USD')", "money('2 EUR')", "money(3.0, 'JPY')"]),
    ("decimal", &["decimal('1.5')", "decimal('0')", "decimal('79228162514264337593543950335')"]),
    // A literal is read as a value of the enum by its place.
    ("mood", &["input.mood"]),
    ("line", &["input.lines[0]"]),
    ("ints", &["[3, 1, 2]", "[1]"]),
    ("texts", &["['a', 'b']", "['']"]),
    ("moneys", &["[money('1 USD'), money('0.5 USD')]"]),
    ("moods", &["[input.mood]"]),
    ("lines", &["input.lines"]),
    ("counts", &["{'a': 1}"]),
    ("prices", &["{'a': money('1 USD')}"]),
];

/// What a place may name: paths and their kinds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(pub(crate) Vec<(String, String)>);

impl Names {
    /// Adds a name and, of a record, its fields.
    pub(crate) fn add(&mut self, path: &str, kind: &str) {
        let (plain, may_be_absent) = kind.strip_suffix('?').map_or((kind, false), |plain| (plain, true));
        let fields = RECORDS.iter().find(|(name, _)| *name == plain).map(|(_, fields)| *fields).unwrap_or_default();
        for (field, of) in fields.iter().filter(|_| path.split('.').count() < 4) {
            let absent = if may_be_absent && !of.ends_with('?') { "?" } else { "" };
            self.add(&format!("{path}.{field}"), &format!("{of}{absent}"));
        }
        self.0.push((path.to_owned(), kind.to_owned()));
    }

    /// One of the paths of a kind.
    fn one(&self, random: &mut Random, kind: &str) -> Option<&str> {
        let fit: Vec<&str> = self.0.iter().filter(|(_, of)| of == kind).map(|(path, _)| path.as_str()).collect();
        (!fit.is_empty()).then(|| fit[below(random, fit.len())])
    }
}

pub(crate) fn below(random: &mut Random, end: usize) -> usize {
    usize::try_from(random.below(end as u64)).unwrap()
}

fn pick<'a>(random: &mut Random, of: &[&'a str]) -> &'a str {
    of[below(random, of.len())]
}

fn of_kind<'a>(table: &'a [(&str, &'a [&'a str])], kind: &str) -> &'a [&'a str] {
    table.iter().find(|(name, _)| *name == kind).map_or(&[], |(_, of)| *of)
}

/// Makes expressions.
pub(crate) struct Maker<'r> {
    pub(crate) random: &'r mut Random,
    /// Bound names so far.
    pub(crate) bound: usize,
}

impl Maker<'_> {
    /// An expression that is meant to be of a kind; now and then it is not, so that the checker has something to refuse.
    pub(crate) fn expression(&mut self, names: &Names, kind: &str, depth: usize) -> String {
        if self.random.below(400) == 0 {
            let other = KINDS[below(self.random, KINDS.len())].0;
            return self.leaf(names, other);
        }
        if depth == 0 || self.random.below(5) == 0 {
            return self.leaf(names, kind);
        }
        match self.random.below(9) {
            0 => {
                format!("({} ? {} : {})", self.inner(names, "bool", depth), self.inner(names, kind, depth), self.inner(names, kind, depth))
            }
            1 | 2 => self.of_absent(names, kind, depth),
            _ => self.pattern(names, kind, depth),
        }
    }

    fn inner(&mut self, names: &Names, kind: &str, depth: usize) -> String {
        self.expression(names, kind, depth.saturating_sub(1))
    }

    /// Something that may be absent, and what stands for it then.
    fn of_absent(&mut self, names: &Names, kind: &str, depth: usize) -> String {
        let Some(path) = names.one(self.random, &format!("{kind}?")).map(str::to_owned) else { return self.pattern(names, kind, depth) };
        let rest = self.inner(names, kind, depth);
        match self.random.below(6) {
            0 => format!("(has({path}) ? {path} : {rest})"),
            1 if kind == "bool" => format!("(has({path}) && {path})"),
            1 if kind == "text" => format!("[?{path}, {rest}][0]"),
            2 if kind == "int" => format!("{path}.optMap(o, o + {rest}).or({rest})"),
            3 if kind == "bool" => format!("has({path})"),
            4 => format!("{path}.orValue({rest})"),
            _ => format!("{path}.or({rest})"),
        }
    }

    fn leaf(&mut self, names: &Names, kind: &str) -> String {
        if self.random.below(4) > 0
            && let Some(path) = names.one(self.random, kind)
        {
            return path.to_owned();
        }
        let literals = of_kind(LITERALS, kind);
        if literals.is_empty() { "1".to_owned() } else { pick(self.random, literals).to_owned() }
    }

    fn pattern(&mut self, names: &Names, kind: &str, depth: usize) -> String {
        let patterns = of_kind(PATTERNS, kind);
        if patterns.is_empty() {
            return self.leaf(names, kind);
        }
        self.bound += 1;
        let own = self.bound.to_string();
        let pattern = pick(self.random, patterns).replace('@', &own);
        let mut text = String::new();
        let mut rest = pattern.as_str();
        while let Some((before, (hole, after))) = rest.split_once('<').and_then(|(before, rest)| Some((before, rest.split_once('>')?))) {
            text.push_str(before);
            let part = match hole {
                "sign" => pick(self.random, &["==", "!=", "<", "<=", ">", ">="]).to_owned(),
                "equal" => pick(self.random, &["==", "!="]).to_owned(),
                "sum" => pick(self.random, &["+", "-"]).to_owned(),
                hole => self.hole(names, hole, depth),
            };
            text.push_str(&part);
            rest = after;
        }
        text + rest
    }

    /// `K` or `K:x=L:y=M`.
    fn hole(&mut self, names: &Names, hole: &str, depth: usize) -> String {
        let mut parts = hole.split(':');
        let kind = parts.next().unwrap_or("int");
        let bound: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
        if bound.is_empty() {
            return self.inner(names, kind, depth);
        }
        // What is bound is what the part is for: little else is in sight.
        let mut inside = Names(names.0.iter().filter(|_| self.random.below(4) == 0).cloned().collect());
        bound.iter().for_each(|(name, kind)| inside.add(name, kind));
        self.inner(&inside, kind, depth)
    }
}
