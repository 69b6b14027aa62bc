export {
  assertPipeline,
  disposePipeline,
  latentFactor,
  type Pipeline,
  type PromptEmbeds,
  type TextModel,
  type UNetTask,
  unetTask,
} from "./pipeline.js";
export { scheduleOf } from "./schedule-of.js";
