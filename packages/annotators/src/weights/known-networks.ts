import { identify, type TensorSource } from "@controlnet-js/checkpoints";

/** The networks of this package that load a file of weights. */
export type NetworkName = "open-pose-body" | "open-pose-hand" | "hed" | "mlsd" | "lineart" | "upernet";

interface KnownNetwork {
  /** What it is, for a person. */
  title: string;
  /** A name that only its weights hold; with a shape where the name alone is not enough. */
  signature: RegExp;
  outChannels?: number;
}

/** Each network by the file that its authors published. */
export const networkTitles: Record<NetworkName, string> = {
  "open-pose-body": "OpenPose's body network (body_pose_model.pth)",
  "open-pose-hand": "OpenPose's hand network (hand_pose_model.pth)",
  hed: "HED (ControlNetHED.pth)",
  mlsd: "M-LSD (mlsd_large_512_fp32.pth)",
  lineart: "the line art generator (sk_model.pth)",
  upernet: "UPerNet (upernet-convnext-small)",
};

const own: readonly (Omit<KnownNetwork, "title"> & { name: NetworkName })[] = [
  { name: "open-pose-body", signature: /(^|\.)Mconv7_stage6_L2\.weight$/ },
  { name: "open-pose-hand", signature: /(^|\.)conv6_2_CPM\.weight$/, outChannels: 22 },
  { name: "hed", signature: /(^|\.)block5\.projection\.weight$/ },
  { name: "mlsd", signature: /(^|\.)block23\.conv3\.weight$/ },
  { name: "lineart", signature: /(^|\.)model2\.2\.conv_block\.5\.weight$/ },
  { name: "upernet", signature: /(^|\.)decode_head\.fpn_bottleneck\.batch_norm\.weight$/ },
];

/** Annotators that are published beside them and are of no use here. */
const others: readonly KnownNetwork[] = [
  {
    title: "OpenPose's face network (facenet.pth)",
    signature: /(^|\.)conv6_2_CPM\.weight$/,
    outChannels: 71,
  },
  { title: "the first release's HED (network-bsds500.pth)", signature: /(^|\.)(module|net)VggOne\./i },
  { title: "M-LSD tiny", signature: /(^|\.)block12\.conv1\.0\.weight$/ },
  { title: "PiDiNet", signature: /(^|\.)block4_3\.conv1\.weight$|(^|\.)init_block\./ },
  { title: "the anime line art generator (netG.pth)", signature: /(^|\.)model\.model\.1\.model\./ },
  { title: "a MiDaS depth network", signature: /(^|\.)scratch\.(refinenet4|layer4_rn)\./ },
  { title: "NormalBae", signature: /(^|\.)encoder\.original_model\./ },
  { title: "UniFormer", signature: /(^|\.)backbone\.blocks1\.0\.pos_embed\./ },
];

/** What a file of weights is: the network of this package, if it is one, and a description either way. */
export function identifyNetwork(source: TensorSource): { name?: NetworkName; title: string } {
  const names = source.names();
  const isIn = ({ signature, outChannels }: Omit<KnownNetwork, "title">): boolean => {
    const name = names.find((candidate) => signature.test(candidate));
    return name !== undefined && (outChannels === undefined || source.get(name).shape[0] === outChannels);
  };
  const known = own.find(isIn);
  if (known) return { name: known.name, title: networkTitles[known.name] };
  return { title: others.find(isIn)?.title ?? identify(source).summary };
}
