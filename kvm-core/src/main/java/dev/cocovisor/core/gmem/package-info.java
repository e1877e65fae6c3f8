/**
 * Memory that belongs to guests: guest_memfd and the older fd-based store behind one interface. An
 * inode holds the folios, a file is one VM's view of them with the slots bound to it. Punching a
 * hole or closing a file takes the pages out of the VM first.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.core.gmem;
