"""EntropyModel of the jets of an event, learned on the training split: what the codec knows before it reads a jet."""
