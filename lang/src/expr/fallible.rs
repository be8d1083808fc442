//! Which expressions may fail on a value of the right type, as `money(text)` does. It errs on the safe side, and says nothing of why.

use super::function::Function;
use super::tree::Tree;

impl Tree {
    /// Whether a value may make it fail. What is present was proved where it was checked.
    pub(crate) fn may_fail(&self) -> bool {
        let here = match self {
            Self::Call(function, _) => !never_fails(*function),
            Self::Arithmetic(..)
            | Self::Dynamic(..)
            | Self::Negate(_)
            | Self::Expect(..)
            | Self::Index(..)
            | Self::Cel(..)
            | Self::Bound(_)
            | Self::Text(_)
            | Self::Fail(_)
            | Self::Entries(_) => true,
            _ => false,
        };
        here || self.parts().into_iter().any(Self::may_fail)
    }
}

fn never_fails(function: Function) -> bool {
    matches!(
        function,
        Function::Size
            | Function::Contains
            | Function::StartsWith
            | Function::EndsWith
            | Function::LowerAscii
            | Function::UpperAscii
            | Function::Trim
            | Function::ToString
            | Function::TypeOf
            | Function::Endorse
            | Function::Has
            | Function::HasValue
            | Function::OptionalIndex
            | Function::OptionalOf
            | Function::OptionalOfNonZero
            | Function::OptionalNone
            | Function::UnwrapOptionals
            | Function::First
            | Function::Last
            | Function::Distinct
            | Function::Reverse
            | Function::SetContains
            | Function::SetEquivalent
            | Function::SetIntersects
    )
}
