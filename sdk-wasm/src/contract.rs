//! Writes the TypeScript side of the boundary from the Rust side. No module has any of this.

use std::path::Path;

use forebay_core::outbox::{Action, MAX_IDENTITIES, REQUEST_TIMEOUT_MS};
use forebay_core::wire::put_events::MAX_EVENTS;
use syn::{
    Attribute, Expr, ExprLit, FnArg, Ident, ImplItem, Item, ItemFn, Lit, Meta, Pat, ReturnType,
    Type,
};

use crate::outbox::{BOOK_ENDED, BOOK_QUEUED, BOOK_RECORDED, PER_ACTION};
use crate::validator::{METRIC, OTHER_TYPE};

/// The file that is written, from the folder of this crate.
const CONTRACT: &str = "../npm/src/module/contract.ts";
/// The command that writes it.
const COMMAND: &str = "WRITE=1 cargo test --package forebay-sdk-wasm";
/// Most columns of a line of TypeScript.
const COLUMNS: usize = 100;

/// The files whose exports both modules have, unless a `cfg` says otherwise.
const OF_BOTH: [&str; 2] = [include_str!("lib.rs"), include_str!("validator.rs")];
/// The file whose exports only the module has that every page loads.
const OF_CORE: &str = include_str!("outbox.rs");
/// The files with the outbox's methods: an export whose doc comment is only a method's name gets that method's.
const METHODS: [&str; 3] = [
    include_str!("../../core/src/outbox/machine.rs"),
    include_str!("../../core/src/outbox/machine/answers.rs"),
    include_str!("../../core/src/outbox/machine/sending.rs"),
];
/// The file with [`Action`].
const ACTIONS: &str = include_str!("../../core/src/outbox/mod.rs");

/// The place of [`Action::DroppedLost`] in the books.
const BOOK_LOST: usize = BOOK_ENDED + Action::DroppedLost as usize - Action::Delivered as usize;

/// Numbers that both sides use, as TypeScript names them, each with its explanation.
const NUMBERS: [(&str, f64, &str); 10] = [
    (
        "MAX_BATCH_EVENTS",
        MAX_EVENTS as f64,
        "Most events in a request.",
    ),
    (
        "MAX_IDENTITIES",
        MAX_IDENTITIES as f64,
        "Numbers of identities are below this.",
    ),
    (
        "REQUEST_TIMEOUT_MS",
        REQUEST_TIMEOUT_MS,
        "Milliseconds after which a request counts as unanswered.",
    ),
    (
        "PER_ACTION",
        PER_ACTION,
        "`outbox_poll` gives an action times this, plus the number that belongs to it.",
    ),
    (
        "BOOK_RECORDED",
        BOOK_RECORDED as f64,
        "Of `outbox_books`: events recorded, loaded or handed over.",
    ),
    (
        "BOOK_QUEUED",
        BOOK_QUEUED as f64,
        "Of `outbox_books`: events that wait, on disk alone too, or are under way.",
    ),
    (
        "BOOK_ENDED",
        BOOK_ENDED as f64,
        "Of `outbox_books`: events that ended as the first of `ENDS`; the others follow in their order.",
    ),
    (
        "BOOK_LOST",
        BOOK_LOST as f64,
        "Of `outbox_books`: events that ended as `DROPPED_LOST`.",
    ),
    (
        "METRIC",
        METRIC as f64,
        "For `validator_field`: the field is a metric, not an attribute.",
    ),
    (
        "OTHER_TYPE",
        OTHER_TYPE as f64,
        "For `validator_field`, added: the value is of another type than the field's.",
    ),
];

#[test]
fn the_typescript_side_is_as_the_exports_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(CONTRACT);
    let contract = contract();
    if std::env::var_os("WRITE").is_some() {
        std::fs::write(&path, contract).unwrap();
        return;
    }
    let is_there = std::fs::read_to_string(&path).is_ok_and(|there| there == contract);
    assert!(
        is_there,
        "npm/src/module/contract.ts differs from the exports of this crate. Write it: {COMMAND}"
    );
}

fn contract() -> String {
    let mut text = format!(
        "// What the WebAssembly modules and their page agree on. This file is generated from sdk-wasm/src and\n\
         // core/src/outbox: change those, and then run `{COMMAND}`.\n\n"
    );
    for (name, number, about) in NUMBERS {
        text += &format!("/** {about} */\nexport const {name} = {number};\n");
    }
    text += "\n// What `outbox_poll` asks for, or tells.\n\n";
    text += &actions();
    let ends = Action::END_NAMES.map(|name| format!("  \"{name}\",\n"));
    text += &format!(
        "\n/** How events end, by their actions from `DELIVERED` on. From the third on: why they are dropped. */\n\
         export const ENDS = [\n{}] as const;\n",
        ends.concat()
    );
    text += &interfaces();
    text
}

/// The actions, as constants.
fn actions() -> String {
    let items = items(ACTIONS);
    let is_action = |item: &Item| matches!(item, Item::Enum(item) if item.ident == "Action");
    let Some(Item::Enum(action)) = items.into_iter().find(is_action) else {
        panic!("no enum Action");
    };
    let constant = |variant: &syn::Variant| {
        let Some((
            _,
            Expr::Lit(ExprLit {
                lit: Lit::Int(number),
                ..
            }),
        )) = &variant.discriminant
        else {
            panic!("{} has no number", variant.ident);
        };
        let name = screaming(&variant.ident.to_string());
        format!(
            "{}export const {name} = {number};\n",
            comment(&variant.attrs, "")
        )
    };
    action.variants.iter().map(constant).collect()
}

/// The exports of the modules, as interfaces.
fn interfaces() -> String {
    let mut both = String::from("  memory: WebAssembly.Memory;\n");
    let mut core = String::new();
    let mut violations = String::new();
    for function in OF_BOTH.into_iter().flat_map(exports) {
        match condition(&function.attrs).as_deref() {
            None => both += &method(&function),
            Some("feature = \"violations\"") => violations += &method(&function),
            Some("not (feature = \"violations\")") => core += &method(&function),
            Some(other) => panic!("exported where {other}"),
        }
    }
    for function in exports(OF_CORE) {
        core += &method(&function);
    }
    format!(
        "\n/** What both modules export. */\nexport interface Validator {{\n{both}}}\n\
         \n/** What the module exports that every page loads. */\n\
         export interface Core extends Validator {{\n{core}}}\n\
         \n/** What the module exports that says what is wrong with an event. */\n\
         export interface Explainer extends Validator {{\n{violations}}}\n"
    )
}

fn items(source: &str) -> Vec<Item> {
    syn::parse_file(source).unwrap().items
}

fn exports(source: &str) -> Vec<ItemFn> {
    let exported = |item| match item {
        Item::Fn(function) => Some(function).filter(|function| function.sig.abi.is_some()),
        _ => None,
    };
    items(source).into_iter().filter_map(exported).collect()
}

/// An exported function as a member of an interface.
fn method(function: &ItemFn) -> String {
    let parameters: Vec<String> = function.sig.inputs.iter().map(parameter).collect();
    let result = match &function.sig.output {
        ReturnType::Default => "void",
        // A bool arrives as 0 or 1.
        ReturnType::Type(..) => "number",
    };
    let name = &function.sig.ident;
    let one_line = format!("  {name}({}): {result};\n", parameters.join(", "));
    let lines = if one_line.trim_end().len() <= COLUMNS {
        one_line
    } else {
        format!(
            "  {name}(\n    {},\n  ): {result};\n",
            parameters.join(",\n    ")
        )
    };
    comment(&function.attrs, "  ") + &lines
}

fn parameter(parameter: &FnArg) -> String {
    let FnArg::Typed(typed) = parameter else {
        panic!("an export is no method");
    };
    let (Pat::Ident(name), Type::Path(of)) = (&*typed.pat, &*typed.ty) else {
        panic!("a parameter of another form");
    };
    let of = if of.path.is_ident("bool") {
        "boolean"
    } else {
        "number"
    };
    format!("{}: {of}", camel(&name.ident))
}

/// The condition of a `cfg`.
fn condition(attributes: &[Attribute]) -> Option<String> {
    attributes
        .iter()
        .find_map(|attribute| match &attribute.meta {
            Meta::List(list) if list.path.is_ident("cfg") => Some(list.tokens.to_string()),
            _ => None,
        })
}

/// A doc comment in TypeScript's form.
fn comment(attributes: &[Attribute], indent: &str) -> String {
    let mut lines = docs(attributes);
    if let [line] = &lines[..]
        && let Some(method) = line.trim().strip_prefix("`Outbox::")
    {
        lines = docs_of_method(method.trim_end_matches('`'));
    }
    let lines: Vec<String> = lines.iter().map(|line| linkless(line)).collect();
    match &lines[..] {
        [] => String::new(),
        [line] => format!("{indent}/**{line} */\n"),
        lines => {
            let lines = lines.iter().map(|line| format!("{indent} *{line}\n"));
            format!("{indent}/**\n{}{indent} */\n", lines.collect::<String>())
        }
    }
}

/// The lines of a doc comment.
fn docs(attributes: &[Attribute]) -> Vec<String> {
    let line = |attribute: &Attribute| match &attribute.meta {
        Meta::NameValue(doc) if doc.path.is_ident("doc") => match &doc.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(line),
                ..
            }) => Some(line.value()),
            _ => None,
        },
        _ => None,
    };
    attributes.iter().filter_map(line).collect()
}

/// The doc comment of a method of the outbox.
fn docs_of_method(name: &str) -> Vec<String> {
    let methods = METHODS
        .into_iter()
        .flat_map(items)
        .flat_map(|item| match item {
            Item::Impl(block) => block.items,
            _ => Vec::new(),
        });
    let docs = methods.filter_map(|item| match item {
        ImplItem::Fn(method) if method.sig.ident == name => Some(docs(&method.attrs)),
        _ => None,
    });
    docs.flatten().collect()
}

/// A line without Rust's links, and with TypeScript's names.
fn linkless(line: &str) -> String {
    let line = line.replace("[`", "`").replace("`]", "`");
    let line = line.replace("`Outbox::", "`outbox_");
    let mut parts = line.split("`Action::");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |line, part| {
        let (name, rest) = part.split_at(part.find('`').unwrap_or_default());
        line + "`" + &screaming(name) + rest
    })
}

/// `SendBatch` as `SEND_BATCH`.
fn screaming(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push('_');
        }
        words.extend(letter.to_uppercase());
    }
    words
}

/// `wall_clock` as `wallClock`.
fn camel(name: &Ident) -> String {
    let name = name.to_string();
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (letter, rest) = word.split_at(1);
        name + &letter.to_uppercase() + rest
    })
}
