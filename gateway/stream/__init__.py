"""The log of an execution on its way to a person: complete, in order, once, attempt by attempt, or the gap is named."""
