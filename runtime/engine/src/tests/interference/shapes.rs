//! Programs in which outside text decides in one way what is done: a shape for every hole of `lang/src/planted.rs`, and some for what no
//! single hole is about. Without a hole the compiler refuses them all; what they say beside that is drawn like everything else.

use super::draft::{Draft, line};

/// The parts of a program that a shape writes.
#[derive(Default)]
pub(super) struct Parts {
    /// Steps of the flow that is started with a message.
    pub(super) steps: String,
    /// Steps of its `on-failure`.
    pub(super) after: String,
    /// Steps of the flow that it begins, and what it answers.
    pub(super) begun: Option<(String, String)>,
    /// Terms and steps of the flow that its event starts.
    pub(super) told: Option<(String, String)>,
}

type Shape = fn(&mut Draft<'_>) -> Parts;

/// Every shape, by the hole that lets it through.
pub(super) const SHAPES: &[(&str, Shape)] = &[
    ("Let", named),
    ("When", when),
    ("Arm", arm),
    ("Rule", rule),
    ("Conditional", conditional),
    ("Among", among),
    ("LookUp", look_up),
    ("Label", label),
    ("Items", items),
    ("Picked", picked),
    ("Skipped", skipped),
    ("LeftOut", left_out),
    ("Failure", failure),
    ("State", state),
    ("Target", target),
    ("Request", request),
    ("Event", event),
    ("Emission", emission),
    ("Trigger", trigger),
    ("Wait", wait),
    ("Kept", kept),
    ("Fact", fact),
    ("Called", called),
    ("Answer", answer),
    ("Failed", failed),
    ("Subject", subject),
    ("Row", row),
    ("Undone", undone),
    ("Bound", bound),
    ("Taken", taken),
    ("Key", key),
    ("Draft", drafted),
    ("Agent", agent),
    ("Tool", tool),
    ("Search", search),
    ("Reflect", reflect),
    ("GivenUp", given_up),
    ("Alike", alike),
    ("Written", written),
    ("Filled", filled),
];

/// What may fail over outside text about as often as not.
const LISTED: &str = "['o1', 'o2', 'a', 'b', 'c1', 'c2', '12', '-3', 'true', 'rude x']";

fn main(lines: &[String]) -> Parts {
    let mut parts = Parts::default();
    lines.iter().for_each(|text| line(&mut parts.steps, text));
    parts
}

fn page(settings: &str) -> String {
    format!("act \"xz\"{settings} {{ call \"desk.page\" text=\"='look'\" }}")
}

fn credit(order: &str, amount: &str) -> String {
    format!("act \"xz\" {{ call \"pay.credit\" order_id=\"={order}\" amount=\"={amount}\" line=\"='xz-' + input.id\" }}")
}

fn emits(settings: &str, amount: &str, words: &str) -> String {
    format!(
        "act \"zm\"{settings} {{ emit \"told\" id=\"='zm-' + input.id\" order_id=\"=input.order_id\" amount=\"={amount}\" words=\"={words}\" }}"
    )
}

fn begins(amount: &str, words: &str) -> String {
    format!(
        "act \"zq\" {{ flow \"s\" id=\"='zq-' + input.id\" order_id=\"=input.order_id\" amount=\"={amount}\" loud=\"=true\" words=\"={words}\" }}"
    )
}

fn answers(amount: &str) -> String {
    format!("output {{ v \"={amount}\"; t \"=input.order_id\" }}")
}

fn recall() -> String {
    "observe \"zb\" { recall \"facts\" subject=\"='c1'\" last=2 }".to_owned()
}

/// What is remembered if it can be: where it may be left out, that it failed lets nobody know.
fn remember(settings: &str, subject: &str, amount: &str) -> String {
    format!(
        "remember \"zr\"{settings} in=\"facts\" subject=\"={subject}\" {{ customer_id \"={subject}\"; order_id \"=input.order_id\"; amount \"={amount}\"; words \"='none'\" }}"
    )
}

fn failing(draft: &mut Draft<'_>) -> String {
    let words = ["input.text", "input.parts[0].words", "input.note.or('none')"][draft.below(3)];
    format!("let \"zf\" \"=among({words}, {LISTED})\"")
}

/// A condition that outside text decides.
fn whether(draft: &mut Draft<'_>) -> String {
    let raw = draft.outside();
    match draft.below(4) {
        0 => format!("size({raw}) > 4"),
        1 => format!("({raw}).contains('o')"),
        _ => format!("({raw}).contains('x')"),
    }
}

/// One of our own texts that outside text chooses.
fn which(draft: &mut Draft<'_>) -> String {
    let whether = whether(draft);
    let one = ["'o1'", "input.known[0]", "input.parts[0].order"][draft.below(3)];
    format!("({whether} ? {one} : 'o2')")
}

/// One of our own amounts that outside text chooses.
fn much(draft: &mut Draft<'_>) -> String {
    let whether = whether(draft);
    let one = ["money('5 USD')", "input.amount", "input.parts[0].amount"][draft.below(3)];
    format!("({whether} ? {one} : money('4 USD'))")
}

fn named(draft: &mut Draft<'_>) -> Parts {
    if draft.one_in(2) {
        return main(&[format!("let \"zl\" \"={}\"", which(draft)), credit("zl", "input.amount")]);
    }
    main(&[format!("let \"zl\" \"={}\"", whether(draft)), page(" when=\"zl\"")])
}

fn when(draft: &mut Draft<'_>) -> Parts {
    main(&[page(&format!(" when=\"{}\"", whether(draft)))])
}

fn arm(draft: &mut Draft<'_>) -> Parts {
    let (whether, does) = (whether(draft), draft.one_in(2));
    let (inside, behind) = if does { (page(""), String::new()) } else { (String::new(), credit("input.order_id", "zc.v")) };
    main(&[
        format!("choose \"zc\" {{ when \"{whether}\" {{\n{inside}\noutput {{ v \"=money('5 USD')\" }} }}"),
        "otherwise { output { v \"=money('9 USD')\" } } }".to_owned(),
        behind,
    ])
}

fn rule(draft: &mut Draft<'_>) -> Parts {
    let rule = format!(
        "decide \"zd\" {{ rule \"one\" when=\"{}\" value=\"=money('5 USD')\"; otherwise value=\"=money('7 USD')\" }}",
        whether(draft)
    );
    main(&[rule, credit("input.order_id", "zd.value")])
}

/// Items that are left out where one of their steps fails; the others go on.
fn each_alone(inside: &[String]) -> String {
    let inside = inside.join("\n");
    format!("each \"ze\" in=\"=input.parts\" as=\"zi\" on-error=skip max=4 {{\n{inside}\noutput {{ v \"=money('5 USD')\" }} }}")
}

fn reflect(draft: &mut Draft<'_>) -> Parts {
    let stops = format!("reflect \"zs\" else=stop {{ require \"{}\" code=\"c\" }}", whether(draft));
    main(&[each_alone(&[stops, page("")])])
}

fn conditional(draft: &mut Draft<'_>) -> Parts {
    let whether = whether(draft);
    main(&[credit("input.order_id", &format!("({whether} ? money('5 USD') : money('4 USD'))"))])
}

fn among(draft: &mut Draft<'_>) -> Parts {
    let words = ["input.text", "input.parts[0].words", "input.parts[1].words"][draft.below(3)];
    main(&[credit(&format!("among({words}, {LISTED})"), "input.amount")])
}

fn look_up(draft: &mut Draft<'_>) -> Parts {
    main(&[format!("observe \"zo\" {{ call \"shop.order.get\" id=\"={}\" }}", which(draft)), credit("input.order_id", "zo.paid")])
}

fn label(draft: &mut Draft<'_>) -> Parts {
    let when = ["zk.label == 'praise'", "zk.confidence > 0.5"][draft.below(2)];
    // Its own words, or one of ours that they chose.
    let ours = format!("({} ? 'complaint 0.3: x' : 'praise 0.9: y')", whether(draft));
    let words = ["input.text", "input.parts[0].words", &ours][draft.below(3)];
    main(&[format!("decide \"zk\" {{ classify \"kinds\" route=\"kind\" text=\"={words}\" }}"), page(&format!(" when=\"{when}\""))])
}

fn items(draft: &mut Draft<'_>) -> Parts {
    let (inside, behind) =
        if draft.one_in(2) { (page(""), String::new()) } else { ("let \"zn\" \"=1\"".to_owned(), page(" when=\"size(ze) > 1\"")) };
    main(&[
        "each \"ze\" in=\"=input.parts.filter(p, p.words.contains('x'))\" as=\"zi\" max=4 {".to_owned(),
        format!("{inside}\noutput {{ v \"=money('5 USD')\" }} }}"),
        behind,
    ])
}

fn picked(draft: &mut Draft<'_>) -> Parts {
    let only = ["zi.words.contains('x')", "size(zi.words) > 4"][draft.below(2)];
    let pays = "act \"xz\" { call \"pay.credit\" order_id=\"=zi.order\" amount=\"=zi.amount\" line=\"='xz-' + input.id + zi.id\" }";
    main(&[
        format!("each \"ze\" in=\"=input.parts\" as=\"zi\" where=\"{only}\" max=4 {{"),
        format!("{pays}\noutput {{ v \"=money('5 USD')\" }} }}"),
    ])
}

fn skipped(draft: &mut Draft<'_>) -> Parts {
    let fails = failing(draft);
    main(&[each_alone(&[fails]), page(" when=\"size(ze) > 1\"")])
}

fn failure(draft: &mut Draft<'_>) -> Parts {
    Parts { after: page(""), ..main(&[failing(draft)]) }
}

fn state(draft: &mut Draft<'_>) -> Parts {
    let held = format!("act \"az\" when=\"{}\" {{ call \"desk.reply\" message_id=\"=input.id\" words=\"='told'\" }}", whether(draft));
    main(&[held, page(" when=\"steps.az.ran\"")])
}

fn target(draft: &mut Draft<'_>) -> Parts {
    let pays = if draft.one_in(2) { credit(&which(draft), "input.amount") } else { credit("input.order_id", &much(draft)) };
    main(&[pays])
}

fn holds(settings: &str, order: &str) -> String {
    format!("act \"az\"{settings} {{ call \"vault.hold\" order_id=\"={order}\" amount=\"=input.amount\" line=\"='az-' + input.id\" }}")
}

fn request(draft: &mut Draft<'_>) -> Parts {
    main(&[holds("", &which(draft)), credit("az.request.order_id", "input.amount")])
}

fn event(draft: &mut Draft<'_>) -> Parts {
    Parts {
        told: Some((String::from("trigger event=\"told\""), credit("input.order_id", "input.amount"))),
        ..main(&[emits("", &much(draft), "'none'")])
    }
}

fn emission(draft: &mut Draft<'_>) -> Parts {
    Parts {
        told: Some((String::from("trigger event=\"told\""), page(""))),
        ..main(&[emits(&format!(" when=\"{}\"", whether(draft)), "input.amount", "'none'")])
    }
}

fn trigger(draft: &mut Draft<'_>) -> Parts {
    let words = draft.outside();
    let told = if draft.one_in(2) {
        ("trigger event=\"told\" where=\"event.words.contains('x')\"".to_owned(), page(""))
    } else {
        let order = "(event.words.contains('x') ? 'o1' : 'o2')";
        (format!("trigger event=\"told\" {{ order_id \"={order}\" }}"), credit("input.order_id", "input.amount"))
    };
    Parts { told: Some(told), ..main(&[emits("", "input.amount", &words)]) }
}

fn wait(draft: &mut Draft<'_>) -> Parts {
    let only = ["event.note.contains('x')", "size(event.note) > 4"][draft.below(2)];
    let waits = format!("wait \"zg\" event=\"parcel\" where=\"{only}\" within=\"2h\" on-timeout=stop");
    main(&[waits, credit("input.order_id", "zg.paid")])
}

fn kept(draft: &mut Draft<'_>) -> Parts {
    let amount = much(draft);
    main(&[
        recall(),
        credit("input.order_id", "zb.map(n, n.amount).first().or(money('2 USD'))"),
        remember(" on-error=skip", "'c1'", &amount),
    ])
}

fn fact(draft: &mut Draft<'_>) -> Parts {
    let settings = format!(" on-error=skip when=\"{}\"", whether(draft));
    main(&[recall(), page(" when=\"size(zb) > 0\""), remember(&settings, "'c1'", "input.amount")])
}

fn called(draft: &mut Draft<'_>) -> Parts {
    let pays = credit("input.order_id", "input.amount");
    Parts { begun: Some((pays, answers("input.amount"))), ..main(&[begins(&much(draft), "'none'")]) }
}

fn answer(draft: &mut Draft<'_>) -> Parts {
    let words = draft.outside();
    let chosen = answers("(input.words.contains('x') ? money('5 USD') : money('4 USD'))");
    Parts {
        begun: Some(("let \"zn\" \"=input.amount\"".to_owned(), chosen)),
        ..main(&[begins("input.amount", &words), credit("input.order_id", "zq.v")])
    }
}

fn failed(draft: &mut Draft<'_>) -> Parts {
    let fails = failing(draft);
    main(&[recall(), page(" when=\"size(zb) > 0\""), fails, remember(" after=\"zf\"", "'c1'", "input.amount")])
}

fn subject(draft: &mut Draft<'_>) -> Parts {
    let subject = format!("({} ? 'c1' : 'c2')", whether(draft));
    main(&[recall(), page(" when=\"size(zb) > 0\""), remember(" on-error=skip", &subject, "input.amount")])
}

fn row(draft: &mut Draft<'_>) -> Parts {
    let row = "customer_id=\"='c1'\" order_id=\"=input.order_id\" amount=\"=input.amount\" words=\"='none'\"";
    main(&[
        recall(),
        page(" when=\"size(zb) > 0\""),
        format!("remember \"zr\" on-error=skip in=\"facts\" subject=\"='c1'\" {{\n- when=\"{}\" {row}\n}}", whether(draft)),
    ])
}

fn undone(draft: &mut Draft<'_>) -> Parts {
    let held = if draft.one_in(2) { holds("", &which(draft)) } else { holds(&format!(" when=\"{}\"", whether(draft)), "input.order_id") };
    main(&[held, "act \"xu\" { undo flow=\"f\" step=\"az\" where=\"effect.order_id != ''\" last=2 }".to_owned()])
}

fn bound(_: &mut Draft<'_>) -> Parts {
    let key = "(zi.words.contains('x') ? 'p' : zi.id)";
    let each = format!("each \"ze\" in=\"=input.parts\" as=\"zi\" key=\"={key}\" max=4 {{\nlet \"zn\" \"=1\"\noutput {{ v \"=zn\" }} }}");
    Parts { after: page(""), ..main(&[each]) }
}

fn taken(draft: &mut Draft<'_>) -> Parts {
    let only = ["event.note.contains('x')", "size(event.note) > 4"][draft.below(2)];
    main(&[
        format!("wait \"zg\" event=\"parcel\" where=\"{only}\" within=\"2h\" on-timeout=skip"),
        "wait \"zh\" event=\"parcel\" within=\"2h\" on-timeout=skip".to_owned(),
        credit("input.order_id", "zh.paid.or(money('1 USD'))"),
    ])
}

fn key(draft: &mut Draft<'_>) -> Parts {
    let words = draft.outside();
    let terms = "key \"=(input.words.contains('x') ? 'a' : 'b')\"\ntrigger event=\"told\"".to_owned();
    Parts { told: Some((terms, page(""))), ..main(&[emits("", "input.amount", &words)]) }
}

/// What follows what a model wrote.
fn by_model(draft: &mut Draft<'_>, name: &str) -> String {
    match draft.below(3) {
        0 => page(&format!(" when=\"{name}.loud\"")),
        1 => credit(&format!("{name}.order"), "input.amount"),
        _ => credit("input.order_id", &format!("{name}.amount")),
    }
}

fn drafted(draft: &mut Draft<'_>) -> Parts {
    let prompt = draft.filled();
    let follows = by_model(draft, "zm");
    main(&[format!("decide \"zm\" {{ draft \"drafted\" route=\"far\" prompt=\"{prompt}\" }}"), follows])
}

fn agent(draft: &mut Draft<'_>) -> Parts {
    let prompt = draft.filled();
    let follows = by_model(draft, "zh");
    main(&[format!("agent \"zh\" type=\"drafted\" route=\"far\" max-steps=2 {{ user \"{prompt}\" }}"), follows])
}

/// An agent that heard outside text, and may do what nobody looks at.
fn tool(draft: &mut Draft<'_>) -> Parts {
    let prompt = draft.filled();
    let fixed = "fixed order_id=\"=input.order_id\" amount=\"=input.amount\" line=\"='xz-' + input.id\"";
    let tool = format!("tool \"pay.credit\" as=\"credit\" max-calls=1 {{ {fixed} }}");
    main(&[format!("agent \"zh\" type=\"drafted\" route=\"far\" max-steps=2 {{ user \"{prompt}\"; {tool} }}")])
}

/// Outside text says which of two facts is found.
fn search(draft: &mut Draft<'_>) -> Parts {
    let which = if draft.one_in(2) {
        format!("subject=\"='c1'\" query=\"={}\" top=1", draft.outside())
    } else {
        format!("subject=\"='c1'\" where=\"fact.order_id == {}\" last=1", which(draft))
    };
    let fact = |name: &str, after: &str, order: &str, amount: &str, words: &str| {
        format!(
            "remember \"{name}\" after=\"{after}\" in=\"facts\" subject=\"='c1'\" {{ customer_id \"='c1'\"; order_id \"='{order}'\"; amount \"=money('{amount}')\"; words \"='{words}'\" }}"
        )
    };
    main(&[
        format!("observe \"zb\" {{ recall \"facts\" {which} }}"),
        credit("input.order_id", "zb.map(n, n.amount).first().or(money('2 USD'))"),
        fact("zr", "zb", "o1", "3 USD", "complaint o1 12 a one long"),
        fact("zs", "zr", "o2", "7 USD", "praise o2 x b two five"),
    ])
}

/// An item that fails over outside text, so that its other steps are not done.
fn left_out(draft: &mut Draft<'_>) -> Parts {
    let fails = failing(draft);
    let inside = if draft.one_in(2) { [fails, page("")] } else { [page(""), fails] };
    main(&[each_alone(&inside)])
}

/// An act that fails over outside text before anybody is told of it, and is left out.
fn given_up(draft: &mut Draft<'_>) -> Parts {
    let words = ["input.text", "input.parts[0].words"][draft.below(2)];
    let evidence = format!("evidence paid=\"=among({words}, {LISTED}) == 'o1' ? input.amount : input.amount\"");
    main(&[format!("act \"xz\" on-error=skip {{ call \"desk.page\" text=\"='look'\"; {evidence} }}")])
}

/// A loop that is left out where two of its items have one key.
fn alike(_: &mut Draft<'_>) -> Parts {
    let key = "(zi.words.contains('x') ? 'p' : zi.id)";
    let each = format!("each \"ze\" in=\"=input.parts\" as=\"zi\" key=\"={key}\" max=4 on-error=skip {{");
    main(&[each, format!("{}\noutput {{ v \"=money('5 USD')\" }} }}", page(""))])
}

/// A list, or a map, that is written out, with a part that outside text chose.
fn written(draft: &mut Draft<'_>) -> Parts {
    let which = which(draft);
    let chosen = format!(
        "choose \"zc\" {{ when \"size(input.parts) > 1\" {{ output {{ v \"={which}\" \"o2\"; m {{ a \"={which}\" }} }} }}\notherwise {{ output {{ v \"o1\" \"o2\"; m {{ a \"o1\" }} }} }} }}"
    );
    let order = ["zc.v[0]", "zc.m.a"][draft.below(2)];
    main(&[chosen, credit(order, "input.amount")])
}

/// Text with holes that outside text chose.
fn filled(draft: &mut Draft<'_>) -> Parts {
    let pays = "act \"xz\" { call \"pay.credit\" order_id=\"{{ zl }}\" amount=\"=input.amount\" line=\"xz-{{ input.id }}\" }";
    main(&[format!("let \"zl\" \"={}\"", which(draft)), pays.to_owned()])
}
