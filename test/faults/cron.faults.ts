import { CRON } from './scenarios/cron.js';
import { playAll } from './suite.js';

playAll('cron', CRON);
