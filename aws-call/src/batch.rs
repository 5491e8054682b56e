//! Calls that hold many items: what fits into one, and what became of each.

use forebay_core::json::Writer;
use serde_json::Value;

use crate::answer::{CallError, ServiceError, from_json};

/// The limits of one call of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most items.
    pub items: usize,
    /// Most bytes of all items together.
    pub bytes: usize,
    /// Most bytes of one item.
    pub item_bytes: usize,
}

impl Limits {
    /// Cuts a list into calls, each as full as its order allows. An item that is too large by
    /// itself is a call of its own: the service says what is wrong with it.
    pub fn cut<'i, T>(&self, items: &'i [T], byte_len: impl Fn(&T) -> usize) -> Vec<&'i [T]> {
        let mut calls = Vec::new();
        let mut rest = items;
        while !rest.is_empty() {
            let mut bytes: usize = 0;
            let fitting = rest
                .iter()
                .take(self.items)
                .take_while(|item| {
                    bytes = bytes.saturating_add(byte_len(item));
                    bytes <= self.bytes
                })
                .count();
            let (call, after) = rest.split_at(fitting.max(1));
            calls.push(call);
            rest = after;
        }
        calls
    }
}

/// How an operation's answer tells of items: `{"Records":[{"SequenceNumber":".."}]}`, and of one
/// that failed `{"ErrorCode":"..","ErrorMessage":".."}`.
pub(crate) struct Batch {
    /// The member that holds the items.
    pub(crate) items: &'static str,
    /// The member that an item has where all is well.
    pub(crate) id: &'static str,
    /// The status that an item's error counts as: 200 where an error whose name says nothing may
    /// pass, 400 where it does not.
    pub(crate) item_status: u16,
}

/// Reads what became of each of `sent` items, in their order.
pub(crate) fn item_results(
    body: &[u8],
    form: &Batch,
    sent: usize,
) -> Result<Vec<Result<(), CallError>>, CallError> {
    let body: Value = from_json(body)?;
    let items = body.get(form.items).and_then(Value::as_array);
    let items = items
        .ok_or_else(|| CallError::Unintelligible(format!("it has no list `{}`", form.items)))?;
    if items.len() != sent {
        let problem = format!("it tells of {} items, and {sent} were sent", items.len());
        return Err(CallError::Unintelligible(problem));
    }
    let result = |item: &Value| {
        let member = |name: &str| item.get(name).filter(|value| !value.is_null());
        match (member("ErrorCode"), member(form.id)) {
            (Some(code), _) => {
                let message = member("ErrorMessage").and_then(Value::as_str);
                Err(CallError::Refused(ServiceError::of_item(
                    form.item_status,
                    code.as_str().unwrap_or_default(),
                    message.unwrap_or_default(),
                )))
            }
            (None, Some(Value::String(_))) => Ok(()),
            (None, _) => {
                let problem = format!("an item has neither `{}` nor `ErrorCode`", form.id);
                Err(CallError::Unintelligible(problem))
            }
        }
    };
    Ok(items.iter().map(result).collect())
}

/// A JSON string.
pub(crate) fn quoted(text: &str) -> String {
    let mut writer = Writer::new();
    writer.string(text);
    writer.finish()
}

#[cfg(test)]
mod tests {
    use bolero::{check, produce};

    use super::Limits;

    /// All lists of up to six items of up to three bytes, under all small limits.
    #[test]
    fn no_call_passes_a_limit_and_none_could_be_fuller() {
        let limits = (0usize..4, 0usize..6);
        let items = produce::<Vec<usize>>()
            .with()
            .len(0usize..=6)
            .values(0usize..4);
        check!()
            .exhaustive()
            .with_generator((limits, items))
            .for_each(|((most, bytes), items)| {
                let limits = Limits {
                    items: *most,
                    bytes: *bytes,
                    item_bytes: *bytes,
                };
                let calls = limits.cut(items, |item| *item);
                assert_eq!(&calls.concat(), items);
                for (at, call) in calls.iter().enumerate() {
                    let size: usize = call.iter().sum();
                    let fits = call.len() <= *most && size <= *bytes;
                    assert!(fits || call.len() == 1, "{calls:?}");
                    let next = calls.get(at + 1).map_or(usize::MAX, |next| next[0]);
                    let has_room = call.len() < *most && next <= bytes.saturating_sub(size);
                    assert!(!has_room || size > *bytes, "{calls:?}");
                }
            });
    }
}
