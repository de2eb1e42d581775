"""What is done with images, as sentences."""

from readerstudy.core.audit import register_events

register_events(
    {
        "imaging.import.started": "started an import of images",
        "imaging.import.finished": (
            "finished an import of images: {stored} stored, {duplicate} already there, "
            "{conflict} in conflict, {refused} refused"
        ),
        "imaging.upload.given_up": "gave up an upload; {n} files that had arrived were erased",
        "imaging.burned_in.looked_at": "looked at {n} series whose pixels may hold text",
        "imaging.images.withdrawn": "erased the images and the identity of a patient",
        "imaging.images.joined": "joined {n} imaging studies of one patient under another number",
        "imaging.images.taken_out": "took {n} imaging studies out into a set of their own",
        "imaging.images.exported": "exported {count} de-identified images",
        "imaging.laterality.stated": "stated left and right of an imaging study: {laterality} ({source})",
        "imaging.identity.viewed": "looked up the identity behind a case",
    }
)
