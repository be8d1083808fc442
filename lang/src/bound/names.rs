//! What the names of a flow's expressions are: their types, and the fields of records with what is declared of them.

use super::path::loops;
use crate::expr::Tree;
use crate::plan::{Flow, Plan, StepKind};
use crate::ty::{Field, Ty};
use crate::value::Value;

/// The names of a place in a flow.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) plan: &'a Plan,
    /// The flow, where the place is in one.
    pub(super) flow: Option<&'a Flow>,
    /// The step, by its place.
    pub(super) at: usize,
    /// A name of its own, such as a critic's draft, and its record type.
    pub(super) own: Option<(&'a str, &'a str)>,
}

/// What a path leads to.
pub(super) enum Named<'a> {
    /// A constant of the project.
    Constant(&'a Value),
    /// A field with what is declared of it.
    Field(&'a Field),
    /// A value of a type.
    Typed(Ty),
}

impl<'a> Names<'a> {
    /// What a tree of variables and fields leads to.
    pub(super) fn tree(&self, tree: &Tree) -> Option<Named<'a>> {
        let mut fields = Vec::new();
        let mut tree = tree;
        loop {
            match tree {
                Tree::Select { of, field, .. } => {
                    fields.push(&**field);
                    tree = of;
                }
                Tree::Widen(of) | Tree::Expect(_, of) => tree = of,
                Tree::Variable { name, .. } => {
                    fields.push(name);
                    break;
                }
                _ => return None,
            }
        }
        fields.reverse();
        self.path(&fields)
    }

    /// What a path leads to.
    pub(super) fn path(&self, path: &[&str]) -> Option<Named<'a>> {
        let (root, fields) = path.split_first()?;
        if *root == "settings" {
            let [name] = fields else { return None };
            return self.plan.project.settings.get(*name).map(Named::Constant);
        }
        let mut found = Named::Typed(self.variable(root)?);
        for field in fields {
            let ty = match found {
                Named::Constant(_) => return None,
                Named::Field(field) => field.ty.clone(),
                Named::Typed(ty) => ty,
            };
            found = self.field(ty, field)?;
        }
        Some(found)
    }

    fn field(&self, of: Ty, name: &str) -> Option<Named<'a>> {
        match of {
            Ty::Optional(of) => self.field(*of, name),
            Ty::Record(record) => {
                let record = self.plan.types.records.get(&record)?;
                record.fields.iter().find(|field| field.name == name).map(Named::Field)
            }
            Ty::Object(fields) => fields.into_iter().find(|(own, _)| own == name).map(|(_, ty)| Named::Typed(ty)),
            _ => None,
        }
    }

    fn variable(&self, name: &str) -> Option<Ty> {
        if let Some((own, record)) = self.own
            && own == name
        {
            return Some(Ty::Record(record.to_owned()));
        }
        let flow = self.flow?;
        match name {
            "input" => return Some(Ty::Record(flow.input.clone())),
            "run" => return Some(Ty::Object(vec![("now".to_owned(), Ty::Timestamp)])),
            _ => {}
        }
        if let Some(step) = flow.steps.iter().find(|step| step.name == name) {
            return Some(step.ty.clone());
        }
        self.item(flow, name)
    }

    /// The item of a loop around the place.
    fn item(&self, flow: &Flow, name: &str) -> Option<Ty> {
        let around = loops(&flow.steps);
        let mut at = around.get(self.at).copied().flatten();
        while let Some(holder) = at {
            if let Some(StepKind::Each(each)) = flow.steps.get(holder).map(|step| &step.kind) {
                if each.item == name {
                    return if let Ty::List(item) = &each.items.ty { Some(item.as_ref().clone()) } else { None };
                }
                if each.index.as_deref() == Some(name) {
                    return Some(Ty::Int);
                }
            }
            at = around.get(holder).copied().flatten();
        }
        None
    }
}
