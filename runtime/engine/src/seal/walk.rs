//! Takes personal parts out of values by their declared types, and puts them back. It knows no ciphers.

use super::places::{Says, Slot};
use super::{ERASED, KeyName, Keyring, Scope, personal};
use crate::event::Header;
use crate::key::text_of;
use crate::ports::StoreError;
use std::collections::HashMap;
use std::sync::Arc;
use tradewind_lang::plan::StepKind;
use tradewind_lang::ty::{Field, Record as Declared, Ty};
use tradewind_lang::value::Value;

/// Parts with the same keys: the keys, their holes, and the parts. Without keys they are dropped.
pub(super) type Group = (Vec<KeyName>, Vec<u32>, Vec<Value>);

/// Takes personal parts out of an event.
pub(super) struct Taker<'a> {
    scope: &'a Scope<'a>,
    header: &'a Header,
    /// Whether what is derived is personal, too.
    is_personal: bool,
    keys: &'a dyn Keyring,
    /// Whose derived parts are; nobody's any more where one of them was forgotten.
    owners: Option<Vec<KeyName>>,
    groups: Vec<Group>,
    places: HashMap<Vec<KeyName>, usize>,
    next: u32,
    failed: Option<StoreError>,
}

impl<'a> Taker<'a> {
    pub(super) fn new(
        scope: &'a Scope<'a>,
        header: &'a Header,
        is_personal: bool,
        keys: &'a dyn Keyring,
        owners: Option<Vec<KeyName>>,
    ) -> Self {
        Self { scope, header, is_personal, keys, owners, groups: Vec::new(), places: HashMap::new(), next: 0, failed: None }
    }

    /// The parts, by their keys.
    pub(super) fn finish(self) -> Result<Vec<Group>, StoreError> {
        self.failed.map_or(Ok(self.groups), Err)
    }

    pub(super) fn take(&mut self, slot: Slot<'_>) {
        let owners = self.owners.clone().unwrap_or_default();
        match slot {
            Slot::Value(value, says) => self.value(value, says, &owners),
            Slot::Text(text) => {
                if self.wants(text) {
                    let was = std::mem::take(text);
                    self.hold(&owners, Value::string(was), |gone| ERASED.clone_into(gone), text);
                }
                self.next += 1;
            }
            Slot::Name(name) => {
                if self.wants(name) {
                    let was = std::mem::replace(name, "".into());
                    self.hold(&owners, Value::String(was), |gone| *gone = ERASED.into(), name);
                }
                self.next += 1;
            }
            Slot::Digest(digest) => {
                if self.is_personal {
                    let was = std::mem::take(digest);
                    self.hold(&owners, Value::Bytes(was.0.as_slice().into()), |_| {}, digest);
                }
                self.next += 1;
            }
        }
    }

    fn wants(&self, text: &str) -> bool {
        self.is_personal && !text.is_empty()
    }

    /// Puts a part into its group; where nobody may keep it, marks the place as erased.
    fn hold<T>(&mut self, owners: &[KeyName], part: Value, erase: impl FnOnce(&mut T), place: &mut T) {
        if owners.is_empty() {
            erase(place);
        }
        self.put(owners, part);
    }

    fn put(&mut self, owners: &[KeyName], part: Value) {
        let place = match self.places.get(owners) {
            Some(place) => *place,
            None => {
                self.groups.push((owners.to_vec(), Vec::new(), Vec::new()));
                self.places.insert(owners.to_vec(), self.groups.len() - 1);
                self.groups.len() - 1
            }
        };
        if let Some((_, holes, parts)) = self.groups.get_mut(place) {
            holes.push(self.next);
            parts.push(part);
        }
    }

    fn whole(&mut self, value: &mut Value, owners: &[KeyName]) {
        match value {
            Value::Null => return,
            Value::Erased => {}
            _ => {
                let part = std::mem::replace(value, Value::Erased);
                self.put(owners, part);
            }
        }
        self.next += 1;
    }

    fn value(&mut self, value: &mut Value, says: Says<'_>, owners: &[KeyName]) {
        let plan = self.scope.plan;
        let graph = self.scope.graph;
        let step = self.header.step.as_ref().and_then(|step| graph?.step(step.id));
        let by_name = |record: &str| Ty::Record(record.to_owned());
        let ty = match says {
            Says::Input => {
                graph.map(|graph| &graph.flow.input).filter(|input| plan.types.records.contains_key(*input)).map(|input| by_name(input))
            }
            Says::Item => match step.map(|step| &step.kind) {
                Some(StepKind::Each(each)) => match &each.items.ty {
                    Ty::List(item) => Some((**item).clone()),
                    _ => None,
                },
                _ => None,
            },
            Says::Begun => match step.map(|step| &step.kind) {
                Some(StepKind::Begin(begin)) => plan.flows.get(&begin.flow).map(|flow| by_name(&flow.input)),
                _ => None,
            },
            Says::Step => step.and_then(|step| match step.kind {
                // Its label is one that the operator listed.
                StepKind::Classify { .. } | StepKind::Look(_) => Some(Ty::Null),
                StepKind::Call { .. } | StepKind::Recall { .. } | StepKind::Search(_) | StepKind::Wait(_) => Some(step.ty.clone()),
                _ => None,
            }),
            Says::Fact(memory) => plan.memories.get(memory).map(|memory| by_name(&memory.record)),
            Says::Payload(event) => Some(by_name(personal::record_of(plan, event))),
            Says::Request(operation) => {
                return match plan.operations.get(operation).cloned() {
                    Some(operation) => self.fields(value, &operation.request, owners),
                    None => self.derived(value, owners),
                };
            }
            // What follows from what the run had met belongs to everybody of it.
            Says::Answer(_)
            | Says::Before(_)
            | Says::Found
            | Says::Edits
            | Says::Told
            | Says::Undone(_)
            | Says::Kept
            | Says::Talk
            | Says::Derived => None,
        };
        match ty {
            Some(Ty::Null) => self.keep(value),
            // Only the fields of a record say what they are; a text alone may be anybody's.
            Some(ty) if of_records(&ty) => self.walk(value, &ty, owners),
            _ => self.derived(value, owners),
        }
    }

    fn derived(&mut self, value: &mut Value, owners: &[KeyName]) {
        if self.is_personal { self.whole(value, owners) } else { self.keep(value) }
    }

    /// Leaves a value as it is; holes that it has already are counted.
    fn keep(&mut self, value: &mut Value) {
        let next = &mut self.next;
        fill(value, &mut || {
            *next += 1;
            None
        });
    }

    fn walk(&mut self, value: &mut Value, ty: &Ty, owners: &[KeyName]) {
        match (ty, value) {
            (_, Value::Null) => {}
            (_, Value::Erased) => self.next += 1,
            (Ty::Optional(inner), value) => self.walk(value, inner, owners),
            (Ty::List(item), Value::List(items)) => Arc::make_mut(items).iter_mut().for_each(|value| self.walk(value, item, owners)),
            (Ty::Map(item), Value::Record(record)) => {
                Arc::make_mut(record).0.iter_mut().for_each(|(_, value)| self.walk(value, item, owners));
            }
            (Ty::Object(fields), Value::Record(record)) => {
                for (name, value) in &mut Arc::make_mut(record).0 {
                    match fields.iter().find(|(field, _)| *field == **name) {
                        Some((_, ty)) => self.walk(value, ty, owners),
                        None => self.derived(value, owners),
                    }
                }
            }
            (Ty::Record(name), value @ Value::Record(_)) => match self.scope.plan.types.records.get(name) {
                Some(declared) => self.record(value, declared, owners),
                None => self.derived(value, owners),
            },
            (
                Ty::Bool
                | Ty::Int
                | Ty::Double
                | Ty::String
                | Ty::Bytes
                | Ty::Timestamp
                | Ty::Duration
                | Ty::Money
                | Ty::Decimal
                | Ty::Enum(_),
                Value::Bool(_)
                | Value::Int(_)
                | Value::Double(_)
                | Value::String(_)
                | Value::Bytes(_)
                | Value::Timestamp(_)
                | Value::Duration(_)
                | Value::Money(_)
                | Value::Decimal(_),
            ) => {}
            // Nothing says what this is.
            (_, value) => self.derived(value, owners),
        }
    }

    fn record(&mut self, value: &mut Value, declared: &Declared, owners: &[KeyName]) {
        let named = declared.subject.as_ref().and_then(|field| value.get(field)).filter(|of| !matches!(of, Value::Null | Value::Erased));
        match named.map(text_of) {
            Some(subject) if declared.fields.iter().any(|field| personal::is_marked(field.marks)) => {
                match self.keys.of_subject(&subject) {
                    // What belongs to somebody who was forgotten while the run went on is dropped with the rest.
                    Ok(_) if self.owners.is_none() => self.fields(value, &declared.fields, &[]),
                    Ok(name) => self.fields(value, &declared.fields, &[name]),
                    Err(error) => self.failed = Some(error),
                }
            }
            _ => self.fields(value, &declared.fields, owners),
        }
    }

    fn fields(&mut self, value: &mut Value, declared: &[Field], owners: &[KeyName]) {
        let Value::Record(record) = value else { return self.derived(value, owners) };
        for (name, value) in &mut Arc::make_mut(record).0 {
            match declared.iter().find(|field| *field.name == **name) {
                Some(field) if personal::is_marked(field.marks) => self.whole(value, owners),
                Some(field) => self.walk(value, &field.ty, owners),
                None => self.derived(value, owners),
            }
        }
    }
}

fn of_records(ty: &Ty) -> bool {
    match ty {
        Ty::Record(_) => true,
        Ty::List(inner) | Ty::Map(inner) | Ty::Optional(inner) => of_records(inner),
        _ => false,
    }
}

/// Goes through the holes of a value in order, and puts into each what there is for it.
pub(super) fn fill(value: &mut Value, part: &mut dyn FnMut() -> Option<Value>) {
    match value {
        Value::Erased => {
            if let Some(part) = part() {
                *value = part;
            }
        }
        // Looked into before it is copied: most values have no hole.
        Value::List(items) if items.iter().any(has_hole) => Arc::make_mut(items).iter_mut().for_each(|value| fill(value, part)),
        Value::Record(record) if record.0.iter().any(|(_, value)| has_hole(value)) => {
            Arc::make_mut(record).0.iter_mut().for_each(|(_, value)| fill(value, part));
        }
        _ => {}
    }
}

/// Whether something in a value was erased, or stands in a sealed part.
#[must_use]
pub fn has_hole(value: &Value) -> bool {
    match value {
        Value::Erased => true,
        Value::List(items) => items.iter().any(has_hole),
        Value::Record(record) => record.0.iter().any(|(_, value)| has_hole(value)),
        Value::Optional(Some(value)) => has_hole(value),
        _ => false,
    }
}
