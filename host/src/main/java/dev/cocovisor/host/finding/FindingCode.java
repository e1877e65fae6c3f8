package dev.cocovisor.host.finding;

/** What can be wrong with a plugin or a request for one. Ids are stable across versions. */
public enum FindingCode {
  /** No loaded backend has the id asked for. */
  UNKNOWN_BACKEND("COCO-P001", true),
  /** No plugin has the id asked for. */
  UNKNOWN_PLUGIN("COCO-P002", true),
  /** A plugin folder cannot be read. */
  UNREADABLE_FOLDER("COCO-P003", true),
  /** The file is no zip, or a damaged one. */
  BROKEN_ZIP("COCO-P010", true),
  /** An entry's name would be unpacked outside the plugin's own folder. */
  ZIP_SLIP("COCO-P011", true),
  /** No descriptor, or one without id or version. */
  BAD_DESCRIPTOR("COCO-P012", true),
  /** The package registers no backend. */
  NO_PROVIDER("COCO-P013", true),
  /** A registered backend cannot be created or cannot say who it is. */
  PROVIDER_FAILS("COCO-P014", true),
  /** The package asks for another version of the api. */
  WRONG_API("COCO-P015", true),
  /** The package carries its own copy of the api's classes, which is ignored. */
  BUNDLED_API("COCO-P016", false),
  /** Two providers offer the same backend id. */
  DUPLICATE_BACKEND("COCO-P017", true),
  /** Two packages have the same plugin id. */
  DUPLICATE_PLUGIN("COCO-P018", true),
  /** A plugin this one depends on is not there, not the right version or did not load. */
  MISSING_DEPENDENCY("COCO-P019", true),
  /** Plugin code printed to standard output while it was loaded. */
  PRINTS_TO_STDOUT("COCO-P020", false),
  /** The plugin cannot go while its VMs live. */
  LIVE_VMS("COCO-P021", true),
  /** The plugin cannot go while other plugins depend on it. */
  NEEDED_BY_OTHERS("COCO-P022", true),
  /** A backend was used after its plugin had been unloaded. */
  UNLOADED("COCO-P023", true),
  /** PF4J could not load or start the plugin for a reason of its own. */
  DOES_NOT_START("COCO-P024", true),
  /** Plugin code threw while a host used it. */
  PLUGIN_FAILS("COCO-P025", true),
  /** Plugin code ended the process, or took it down. */
  ENDS_THE_PROCESS("COCO-P026", true),
  /** Plugin code did not return in time. */
  DOES_NOT_RETURN("COCO-P027", true),
  /** Plugin code took more memory or disk than a trial has. */
  TAKES_TOO_MUCH("COCO-P028", true),
  /** Plugin code started threads while it was loaded. */
  STARTS_THREADS("COCO-P029", false),
  /** The model is put together wrongly. */
  BAD_MODEL("COCO-P030", true),
  /** A backend needs a host of another architecture. */
  WRONG_ARCHITECTURE("COCO-P031", true),
  /** Two backends of a model create VMs of one type. */
  AMBIGUOUS_VM_TYPE("COCO-P032", true),
  /** The host creates no VMs of the type asked for. */
  NO_SUCH_VM_TYPE("COCO-P033", true),
  /** What a guest was asked to be launched with makes no sense. */
  BAD_LAUNCH("COCO-P034", true),
  /** A setting that nobody declares, or a value that it does not take. */
  BAD_SETTING("COCO-P035", true),
  /** A module given to override() changes nothing. */
  USELESS_OVERRIDE("COCO-P036", true),
  /** An archive is larger, has more entries, or unpacks to more than it may. */
  ARCHIVE_TOO_LARGE("COCO-P040", true),
  /** A backend offers a VM type whose number another one has. */
  VM_TYPE_TAKEN("COCO-P041", true),
  /** Plugin code wrote past System.out, straight to the process's standard output. */
  WRITES_TO_STDOUT("COCO-P042", true),
  /** A package could not be tried in a process of its own. */
  NOT_TRIED("COCO-P043", true),
  /** Plugin code put other streams in place of the process's own. */
  REPLACES_STREAMS("COCO-P044", false),
  /** A backend's id is one that the host itself uses. */
  RESERVED_ID("COCO-P045", true);

  private final String id;
  private final boolean error;

  FindingCode(String id, boolean error) {
    this.id = id;
    this.error = error;
  }

  /** Returns the id as printed. */
  public String id() {
    return id;
  }

  /** Tells whether it keeps the plugin from loading; a warning otherwise. */
  public boolean error() {
    return error;
  }
}
