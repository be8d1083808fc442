//! Images of the books, taken between two commits: they hold what is durable and nothing else.

use super::Shard;
use crate::image::Image;
use tokio::sync::oneshot;

/// Who wants an image.
pub(super) type Wanted = Vec<oneshot::Sender<Image>>;

impl Shard {
    /// Somebody wants one, as soon as it can be taken.
    pub(crate) fn want_image(&mut self, reply: oneshot::Sender<Image>) {
        self.wanted.push(reply);
    }

    /// Gives an image to whoever wants one, where no commit is under way: what is sealed has taken from the guards already.
    pub(super) fn give_image(&mut self) {
        if self.wanted.is_empty() || self.committing.is_some() || self.carried.is_some() {
            return;
        }
        let image = Image::of(&self.books, self.head.next - 1, self.head.hash);
        for reply in self.wanted.drain(..) {
            // Somebody who has gone needs none.
            let _ = reply.send(image.clone());
        }
    }
}
