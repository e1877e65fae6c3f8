package dev.cocovisor.snp.psp;

/**
 * A guest page that SNP_PAGE_SWAP_OUT exported, with its metadata entry.
 *
 * @param gctx the context it belongs to
 * @param serial tells a context from a later one at the same address
 * @param gpa its guest address, bytes
 * @param vmsa true for a VM save area
 * @param content what it holds
 */
public record SwappedPage(long gctx, long serial, long gpa, boolean vmsa, byte[] content) {}
