/** Marks a text's start. */
export const startOfText = "<|startoftext|>";
/** Marks a text's end, and stands for what is not in the vocabulary. */
export const endOfText = "<|endoftext|>";
