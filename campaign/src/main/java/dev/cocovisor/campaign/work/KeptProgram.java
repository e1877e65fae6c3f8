package dev.cocovisor.campaign.work;

import java.util.List;

/**
 * A random program that went where no program of its item went before it.
 *
 * @param seed what it follows from
 * @param choices how many choices it makes
 * @param reached the steps it made that were new: a call and its answer behind another
 */
public record KeptProgram(String seed, int choices, List<String> reached) {}
